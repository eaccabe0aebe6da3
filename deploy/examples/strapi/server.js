// Starts the site; with the argument `migrate`, only creates and migrates its tables.
const { createStrapi } = require("@strapi/strapi");

const strapi = createStrapi({ appDir: __dirname, distDir: __dirname });
if (process.argv[2] === "migrate") {
  strapi.load().then(() => strapi.destroy()).then(() => process.exit(0));
} else {
  strapi.start();
}
