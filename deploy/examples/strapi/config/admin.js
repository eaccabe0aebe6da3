module.exports = () => ({
  serveAdminPanel: false,
  auth: { secret: "only-for-drills" },
  apiToken: { salt: "only-for-drills" },
  transfer: { token: { salt: "only-for-drills" } },
  secrets: { encryptionKey: "only-for-drills-0123456789abcdef" },
});
