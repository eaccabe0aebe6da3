//! The entities of a profile: their tables, and the binaries to which their rows refer. All mistakes are
//! reported together; whether tables and columns exist is known only when there is a database.

use super::start;
use crate::{
    base::ids::TableName,
    model::profile::{
        AtStart, Binary, BinaryStore, ColumnPath, Condition, ProfileEntity, ReadBack, binary::SizeColumn,
        column::EACH, key::KeyTemplate,
    },
    scenario::{
        SourcePosition,
        diagnose::Mistake,
        yaml::{
            fields::Fields,
            tree::{Data, YamlNode},
            typed::not_keys,
        },
    },
};
use std::collections::BTreeMap;

/// Reads them.
pub fn read(node: &YamlNode, mistakes: &mut Vec<Mistake>) -> BTreeMap<String, ProfileEntity> {
    let Data::Map(nodes) = &node.data else {
        mistakes.push(not_keys(node, "the entities"));
        return BTreeMap::new();
    };
    let before = mistakes.len();
    let mut entities: BTreeMap<String, ProfileEntity> = BTreeMap::new();
    for (key, node) in nodes {
        let Some(entity) = entity(node, mistakes) else { continue };
        let tells_apart = |entity: &ProfileEntity| !entity.only.is_empty() || !entity.except.is_empty();
        let same = entities.iter().find(|(_, known)| known.table == entity.table);
        if let Some((other, _)) = same.filter(|(_, other)| !tells_apart(other) || !tells_apart(&entity)) {
            let message = format!("the table `{}` is also the table of `{other}`", entity.table);
            let help = "tell their rows apart: `where: {kind: image}` in one, `where-not: {kind: image}` in the other";
            mistakes.push(Mistake::at(key.place, message).label("which rows are these?").help(help));
        }
        entities.insert(key.text.clone(), entity);
    }
    start::check(&entities, nodes, mistakes);
    if !entities.values().any(|entity| !entity.binaries.is_empty()) && mistakes.len() == before {
        mistakes.push(
            Mistake::at(node.place, "no entity points at a binary")
                .label("nothing to reconcile")
                .help("give the entity of your assets a `binary: {key: …}`"),
        );
    }
    entities
}

fn entity(node: &YamlNode, mistakes: &mut Vec<Mistake>) -> Option<ProfileEntity> {
    let mut fields = Fields::of(node, "an entity", mistakes)?;
    let table = fields.required::<TableName>("table", mistakes);
    if let Some(at) = &table
        && at.value.as_str().parse::<ColumnPath>().map_or(0, |path| path.parts().count()) > 2
    {
        let help = "write `schema.table`; quote a part that has a dot: '\"a.b\".c'";
        let message = format!("`{}` is not the name of a table", at.value);
        mistakes.push(Mistake::at(at.place, message).label("too many parts").help(help));
    }
    let only = fields.optional::<Condition>("where", mistakes);
    let except = fields.optional::<Condition>("where-not", mistakes);
    let label = fields.each::<ColumnPath>("label", mistakes);
    let volatile = fields.each::<String>("volatile", mistakes);
    let soft_deleted = fields.optional::<ColumnPath>("soft-deleted", mistakes);
    let binaries = fields.node("binary").map(|(_, node)| binaries(node, mistakes)).unwrap_or_default();
    let definition = fields.optional::<String>("definition", mistakes);
    let next_run = fields.optional::<String>("next-run", mistakes);
    let at_start = fields.each::<AtStart>("at-start", mistakes);
    fields.finish(mistakes);
    Some(ProfileEntity {
        table: table?.value,
        only: only.map(|at| at.value).unwrap_or_default(),
        except: except.map(|at| at.value).unwrap_or_default(),
        label: label.into_iter().map(|at| at.value).collect(),
        volatile: volatile.into_iter().map(|at| at.value).collect(),
        soft_deleted: soft_deleted.map(|at| at.value),
        binaries,
        definition: definition.map(|at| at.value),
        next_run: next_run.map(|at| at.value),
        at_start: at_start.into_iter().map(|at| at.value).collect(),
    })
}

fn binaries(node: &YamlNode, mistakes: &mut Vec<Mistake>) -> Vec<Binary> {
    let nodes = match &node.data {
        Data::List(nodes) => nodes.as_slice(),
        Data::Map(_) | Data::Scalar { .. } => std::slice::from_ref(node),
    };
    nodes.iter().filter_map(|node| binary(node, mistakes)).collect()
}

fn binary(node: &YamlNode, mistakes: &mut Vec<Mistake>) -> Option<Binary> {
    let mut fields = Fields::of(node, "a binary", mistakes)?;
    let key = fields.required::<KeyTemplate>("key", mistakes);
    let each = fields.optional::<ColumnPath>("each", mistakes);
    let store = fields.optional::<BinaryStore>("store", mistakes);
    let size = fields.optional::<SizeColumn>("size", mistakes);
    let mut column = |name| fields.optional::<ColumnPath>(name, mistakes).map(|at| at.value);
    let media_type = column("media-type");
    let [md5, sha1, sha256, sha512, crc32c, etag] =
        ["md5", "sha1", "sha256", "sha512", "crc32c", "etag"].map(column);
    let derived = fields.optional::<bool>("derived", mistakes);
    let read_back = fields.optional::<ReadBack>("read-back", mistakes);
    if let Some(at) = read_back.as_ref().filter(|at| !at.value.path.to_string().starts_with('/')) {
        let message = format!("`{}` is no path of a URL", at.value.path);
        mistakes.push(Mistake::at(at.place, message).label("in this").help("begin it with a `/`"));
    }
    if let Some(at) = read_back.as_ref().filter(|at| at.value.path.is_prefix()) {
        let help = "name one object, for example by `${object.key}`";
        let message = format!("`{}` is not the path of one object", at.value.path);
        mistakes.push(Mistake::at(at.place, message).label("ends with `*`").help(help));
    }
    fields.finish(mistakes);
    let place = key.as_ref().map_or(node.place, |at| at.place);
    let binary = Binary {
        key: key?.value,
        each: each.map(|at| at.value),
        store: store.map(|at| at.value).unwrap_or_default(),
        size: size.map(|at| at.value),
        media_type,
        md5,
        sha1,
        sha256,
        sha512,
        crc32c,
        etag,
        derived: derived.is_some_and(|at| at.value),
        read_back: read_back.map(|at| at.value),
    };
    mistakes.extend(contradiction(&binary, place));
    Some(binary)
}

/// What cannot be meant although every value can be read.
fn contradiction(binary: &Binary, place: SourcePosition) -> Option<Mistake> {
    let of_element = |path: &ColumnPath| path.column() == EACH;
    let records = binary.size.is_some() || binary.checksums().next().is_some();
    if binary.key.is_prefix() && records {
        let help = "remove size and checksums: objects below a prefix are compared with the cut point";
        let message = "a key that ends with `*` stands for several objects and has no size or checksum";
        return Some(Mistake::at(place, message).label("several objects").help(help));
    }
    match &binary.each {
        Some(each) if !binary.key.paths().any(of_element) => {
            let message = format!("the key of each element of `{each}` is the same");
            let help = "take it from the element: `${each}`, or `${each.name}` for a member";
            Some(Mistake::at(place, message).label("does not name `each`").help(help))
        }
        None if binary.paths().any(|path| of_element(path) && !path.members().is_empty()) => {
            let help = "name the column with the elements: `each: files`";
            let message = "`each` is used, and no key `each` gives the elements";
            Some(Mistake::at(place, message).label("of what?").help(help))
        }
        Some(_) | None => None,
    }
}
