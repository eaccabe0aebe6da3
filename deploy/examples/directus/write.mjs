// A write through Directus' API: upload, replace or delete a file. Prints the key of the object.
import { readFile } from "node:fs/promises";

const { PORT, ADMIN_TOKEN, WRITE_NAME, WRITE_FILE, WRITE_KEY } = process.env;
const ROOT = "uploads/";

async function call(method, path, body) {
  const answer = await fetch(`http://127.0.0.1:${PORT}${path}`, {
    method,
    headers: { Authorization: `Bearer ${ADMIN_TOKEN}` },
    body,
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.status === 204 ? null : (await answer.json()).data;
}

const kind = process.argv[2];
// The key of a file is its id with the extension.
const id = WRITE_KEY?.slice(ROOT.length).split(".")[0];
if (kind === "delete") {
  await call("DELETE", `/files/${id}`);
} else {
  const form = new FormData();
  form.append("file", new Blob([await readFile(WRITE_FILE)], { type: "image/png" }), WRITE_NAME ?? "new.png");
  const file = kind === "upload" ? await call("POST", "/files", form) : await call("PATCH", `/files/${id}`, form);
  console.log(ROOT + file.filename_disk);
}
