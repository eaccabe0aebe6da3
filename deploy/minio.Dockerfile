# MinIO from source, because it no longer publishes images. deploy/minio.sh pins the version.
#
#   docker build -t pulp-drill/minio -f deploy/minio.Dockerfile deploy
FROM golang:1.24-alpine AS build
# This image has everything that the script needs. The cache is in a folder from which the next stage copies.
COPY minio.sh /minio.sh
RUN XDG_CACHE_HOME=/cache sh /minio.sh && mv /cache/pulp-drill/minio-*/minio /minio && mkdir /data /empty

FROM scratch
COPY --from=build /minio /minio
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /empty /tmp
COPY --from=build /data /data
ENTRYPOINT ["/minio"]
CMD ["server", "/data"]
