# MinIO from source: it publishes no images any more. The pin is that of deploy/minio.sh.
#
#   docker build -t pulp-drill/minio -f deploy/minio.Dockerfile deploy
FROM golang:1.24-alpine AS build
# The script's shell needs nothing more than this image has; its cache is put where the next stage
# finds it.
COPY minio.sh /minio.sh
RUN XDG_CACHE_HOME=/cache sh /minio.sh && mv /cache/pulp-drill/minio-*/minio /minio && mkdir /data /empty

FROM scratch
COPY --from=build /minio /minio
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /empty /tmp
COPY --from=build /data /data
ENTRYPOINT ["/minio"]
CMD ["server", "/data"]
