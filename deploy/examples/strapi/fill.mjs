// Fills an empty site through Strapi's administration API: pictures, of which Strapi makes smaller formats, a
// text file, and articles with a picture.
import { createRequire } from "node:module";

const sharp = createRequire(createRequire(import.meta.url).resolve("@strapi/upload/package.json"))("sharp");
const url = `http://127.0.0.1:${process.env.PORT}`;
let token;

async function call(path, body) {
  const form = body instanceof FormData;
  const answer = await fetch(url + path, {
    method: "POST",
    headers: {
      ...(token ? { Authorization: `Bearer ${token}` } : {}),
      ...(form ? {} : { "Content-Type": "application/json" }),
    },
    body: form ? body : JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`POST ${path}: ${answer.status} ${text}`);
  return JSON.parse(text);
}

async function upload(name, type, bytes) {
  const form = new FormData();
  form.append("files", new Blob([bytes], { type }), name);
  return (await call("/upload", form))[0];
}

// Noise does not compress: the formats have different sizes.
async function picture(number) {
  const noise = { type: "gaussian", mean: number * 30, sigma: 20 };
  return sharp({ create: { width: 300 + number, height: 260, channels: 3, background: "black", noise } }).png().toBuffer();
}

const admin = { email: "admin@example.com", password: "Only-for-drills1", firstname: "A" };
token = (await call("/admin/register-admin", admin)).data.token;
for (let number = 1; number <= 5; number++) {
  const file = await upload(`picture ${number}.png`, "image/png", await picture(number));
  if (number <= 3) {
    await call("/content-manager/collection-types/api::article.article", { title: `article ${number}`, image: file.id });
  }
}
await upload("notes.txt", "text/plain", Buffer.from("notes\n".repeat(50)));
