#!/bin/sh
# A write to the photo archive: write.sh upload|replace|delete. An upload and a replacement store the object
# first and print its key; a deletion removes the row first.
set -eu

request() { # METHOD KEY DIGEST-OF-THE-BODY [curl options]
    method=$1 path=$2 digest=$3
    shift 3
    curl --config - --silent --show-error --fail --request "$method" "$@" \
        --header "x-amz-content-sha256: $digest" --aws-sigv4 "aws:amz:$AWS_REGION:s3" "$AWS_ENDPOINT_URL/$PHOTO_BUCKET/$path" <<END
user = "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"
END
}

sql() {
    psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 "$@"
}

empty=$(printf '' | sha256sum | cut -d ' ' -f 1)

store() {
    hash=$(sha256sum "$WRITE_FILE" | cut -d ' ' -f 1)
    bytes=$(wc -c < "$WRITE_FILE")
    key=originals/$hash.png
    request PUT "$key" "$hash" --data-binary "@$WRITE_FILE" --header "content-type: image/png"
}

case $1 in
upload)
    store
    sql --set name="$WRITE_NAME" --set key="$key" --set hash="$hash" --set bytes="$bytes" <<'END'
INSERT INTO photos (album_id, file_name, object_key, bytes, sha256, content_type, taken_at)
SELECT min(id), :'name', :'key', :bytes, :'hash', 'image/png', now() FROM albums;
END
    echo "$key"
    ;;
replace)
    store
    sql --set old="$WRITE_KEY" --set key="$key" --set hash="$hash" --set bytes="$bytes" <<'END'
UPDATE photos SET object_key = :'key', sha256 = :'hash', bytes = :bytes WHERE object_key = :'old';
END
    request DELETE "$WRITE_KEY" "$empty"
    echo "$key"
    ;;
delete)
    sql --set old="$WRITE_KEY" <<'END'
DELETE FROM photos WHERE object_key = :'old';
END
    request DELETE "$WRITE_KEY" "$empty"
    ;;
esac
