#!/bin/sh
# Fills a fresh photo archive: two albums, six photos, an object for each photo, and a thumbnail without a
# row. The bytes are the same every time, and all photos have different sizes. Arguments are files of this folder
# with further rows.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Secrets are passed to curl on standard input, because every user of the machine can read arguments.
put() { # FILE KEY CONTENT-TYPE
    curl --config - --silent --show-error --fail --request PUT --data-binary "@$1" \
        --aws-sigv4 "aws:amz:$AWS_REGION:s3" --header "content-type: $3" \
        --header "x-amz-content-sha256: $(sha256sum "$1" | cut -d ' ' -f 1)" \
        "$AWS_ENDPOINT_URL/$PHOTO_BUCKET/$2" <<END
user = "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"
END
}

sql() {
    psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 "$@"
}

sql <<END
INSERT INTO albums (title) VALUES ('Harbour'), ('Hills');
END

number=0
for name in quay.jpg gulls.jpg lighthouse.jpg ridge.jpg tarn.jpg cairn.jpg; do
    number=$((number + 1))
    album=Harbour
    [ "$number" -gt 3 ] && album=Hills
    file=$work/$name
    head -c $((number * 1000)) /dev/zero | tr '\0' "$number" > "$file"
    hash=$(sha256sum "$file" | cut -d ' ' -f 1)
    key=originals/$hash.jpg
    put "$file" "$key" image/jpeg
    sql --set album="$album" --set name="$name" --set key="$key" --set hash="$hash" \
        --set bytes="$((number * 1000))" --set day="$number" <<'END'
INSERT INTO photos (album_id, file_name, object_key, bytes, sha256, content_type, taken_at)
SELECT id, :'name', :'key', :bytes, :'hash', 'image/jpeg', timestamptz '2024-06-01 12:00Z' + :day * interval '1 day'
FROM albums WHERE title = :'album';
END
done

put "$work/quay.jpg" thumbnails/quay.jpg image/jpeg

for file in "$@"; do
    sql --file "$(dirname "$0")/$file"
done
