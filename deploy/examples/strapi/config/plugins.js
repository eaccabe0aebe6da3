// Files in S3 below the prefix uploads/.
module.exports = ({ env }) => ({
  upload: {
    config: {
      provider: "aws-s3",
      providerOptions: {
        rootPath: "uploads",
        s3Options: {
          credentials: { accessKeyId: env("S3_ACCESS_KEY_ID"), secretAccessKey: env("S3_SECRET_ACCESS_KEY") },
          region: env("S3_REGION"),
          endpoint: env("S3_ENDPOINT"),
          forcePathStyle: true,
          params: { Bucket: env("S3_BUCKET") },
        },
      },
    },
  },
});
