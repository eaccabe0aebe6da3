// Fills an empty site through Directus' API: files in a folder, a collection whose items refer to them, a
// thumbnail, and read access to files for everybody.
import { deflateSync } from "node:zlib";

const url = `http://127.0.0.1:${process.env.PORT}`;
const PUBLIC_POLICY = "abf8a154-5b1c-4a46-ac9c-7300570f4f17";

async function call(method, path, body) {
  const form = body instanceof FormData;
  const answer = await fetch(url + path, {
    method,
    headers: {
      Authorization: `Bearer ${process.env.ADMIN_TOKEN}`,
      ...(form || body === undefined ? {} : { "Content-Type": "application/json" }),
    },
    body: form || body === undefined ? body : JSON.stringify(body),
  });
  const bytes = Buffer.from(await answer.arrayBuffer());
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${bytes}`);
  return (answer.headers.get("content-type") ?? "").includes("json") ? JSON.parse(bytes).data : bytes;
}

const CRC = Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type), data]);
  const crc = body.reduce((crc, byte) => CRC[(crc ^ byte) & 255] ^ (crc >>> 8), 0xffffffff);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(data.length, 0);
  body.copy(whole, 4);
  whole.writeUInt32BE((crc ^ 0xffffffff) >>> 0, body.length + 4);
  return whole;
}

// A grey PNG, larger with the number.
function picture(number) {
  const side = 40 + number;
  const header = Buffer.from([0, 0, 0, side, 0, 0, 0, side, 8, 0, 0, 0, 0]);
  const rows = Buffer.alloc(side * (side + 1), number * 20);
  for (let row = 0; row < side; row++) rows[row * (side + 1)] = 0;
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}

async function upload(name, type, bytes, folder) {
  const form = new FormData();
  form.append("title", name);
  if (folder) form.append("folder", folder);
  form.append("file", new Blob([bytes], { type }), name);
  return call("POST", "/files", form);
}

const folder = await call("POST", "/folders", { name: "photos" });
await call("POST", "/permissions", { policy: PUBLIC_POLICY, collection: "directus_files", action: "read", fields: ["*"] });
await call("POST", "/collections", {
  collection: "articles",
  schema: {},
  fields: [
    { field: "title", type: "string", schema: {} },
    { field: "image", type: "uuid", schema: {}, meta: { interface: "file-image", special: ["file"] } },
  ],
});
await call("POST", "/relations", {
  collection: "articles",
  field: "image",
  related_collection: "directus_files",
  schema: { on_delete: "SET NULL" },
});
for (let number = 1; number <= 6; number++) {
  const image = await upload(`picture ${number}.png`, "image/png", picture(number), folder.id);
  if (number <= 4) await call("POST", "/items/articles", { title: `article ${number}`, image: image.id });
  if (number === 1) await call("GET", `/assets/${image.id}?width=10`);
}
await upload("notes.txt", "text/plain", Buffer.from("notes\n".repeat(50)));
