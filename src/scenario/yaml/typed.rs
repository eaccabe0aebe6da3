//! Reads typed values from the located tree: a `serde::Deserializer` for a node whose errors carry the
//! node's position. The keywords come from the derives of the types.

use super::tree::{Data, Key, YamlNode};
use crate::scenario::{
    diagnose::Mistake,
    source::{At, SourcePosition},
};
use serde::{
    Deserialize,
    de::{
        self, DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, VariantAccess,
        Visitor, value::StrDeserializer,
    },
    forward_to_deserialize_any,
};

/// Reads a value of a type.
///
/// # Errors
/// The first mistake in it.
pub fn read<'a, T: Deserialize<'a>>(node: &'a YamlNode) -> Result<At<T>, Mistake> {
    let value = T::deserialize(node).map_err(|mistake| mistake.or_at(node.place))?;
    Ok(At { value, place: node.place })
}

/// The keywords of an enum, from its derive.
pub fn words_of<'a, T: Deserialize<'a>>() -> &'static [&'static str] {
    struct Probe<'p>(&'p mut &'static [&'static str]);
    impl<'de> Deserializer<'de> for Probe<'_> {
        type Error = Mistake;
        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Mistake> {
            Err(Mistake::custom("not an enum"))
        }
        fn deserialize_enum<V: Visitor<'de>>(
            self,
            _: &'static str,
            description: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Mistake> {
            *self.0 = description;
            Err(Mistake::custom("only the keywords are read"))
        }
        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
            unit unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
        }
    }
    let mut description: &'static [&'static str] = &[];
    // The probe answers with an error in any case.
    let _ = T::deserialize(Probe(&mut description));
    description
}

/// What the keywords of an enum are called in messages.
fn kind_of_word(name: &str) -> &'static str {
    match name {
        "Fault" => "fault",
        "Act" => "step",
        "BackupSchema" => "schema",
        "FindingKind" => "finding",
        "Topology" => "topology",
        "Procedure" => "procedure",
        "Results" => "place for results",
        "DumpFormat" => "format of a dump",
        "Destroy" => "thing to destroy",
        "Signal" => "signal",
        "StoreOrder" => "order of writes",
        "ReplaceKeys" => "place for replaced content",
        "TargetApi" => "API",
        "BinaryStore" => "store",
        "SizeUnit" => "unit",
        "Assertion" => "kind of assertion",
        _ => "keyword",
    }
}

/// The type of a plain scalar in YAML 1.2's core schema.
fn visit_plain<'de, V: Visitor<'de>>(text: &str, visitor: V) -> Result<V::Value, Mistake> {
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    match text {
        "" | "~" | "null" | "Null" | "NULL" => visitor.visit_unit(),
        "true" | "True" | "TRUE" => visitor.visit_bool(true),
        "false" | "False" | "FALSE" => visitor.visit_bool(false),
        _ if !numeric => visitor.visit_str(text),
        _ => match (text.parse::<u64>(), text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(number), ..) => visitor.visit_u64(number),
            (_, Ok(number), _) => visitor.visit_i64(number),
            (.., Ok(number)) if text.contains(|c: char| c.is_ascii_digit()) => visitor.visit_f64(number),
            _ => visitor.visit_str(text),
        },
    }
}

impl<'de> Deserializer<'de> for &'de YamlNode {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.data {
            Data::Scalar { text, plain: true } => visit_plain(text, visitor),
            Data::Scalar { text, plain: false } => visitor.visit_str(text),
            Data::List(items) => visitor.visit_seq(Items(items.iter())),
            Data::Map(entries) => visitor.visit_map(Entries { rest: entries.iter(), value: None }),
        }
        .map_err(|mistake| mistake.or_at(self.place))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        if self.is_nothing() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        visitor.visit_newtype_struct(self).map_err(|mistake| mistake.or_at(self.place))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, wanted: usize, visitor: V) -> Result<V::Value, Mistake> {
        match &self.data {
            Data::List(items) if items.len() != wanted => {
                let message = format!("expected a list of {wanted}, found a list of {}", items.len());
                Err(Mistake::at(self.place, message).label(format!("expected {wanted} entries")))
            }
            Data::List(_) => self.deserialize_any(visitor),
            Data::Scalar { .. } | Data::Map(_) => {
                let message = format!("expected a list of {wanted}");
                Err(Mistake::at(self.place, message).label("expected a list").help("write `[first, second]`"))
            }
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        description: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let (word, place, value) = self.word()?;
        if !description.contains(&word) {
            let mistake =
                Mistake::unknown(Some(place), kind_of_word(name), word, description.iter().copied());
            return Err(mistake);
        }
        visitor.visit_enum(Word { word, place, value }).map_err(|mistake| mistake.or_at(place))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple_struct map struct identifier ignored_any
    }
}

impl YamlNode {
    /// The keyword of a value: `dump database`, or the key of `upload: logo.png` with its value.
    ///
    /// # Errors
    /// It is a list, or has no key or several.
    pub fn word(&self) -> Result<(&str, SourcePosition, Option<&YamlNode>), Mistake> {
        match &self.data {
            Data::Scalar { .. } if self.is_nothing() => {
                Err(Mistake::at(self.place, "the value is empty").label("expected a keyword"))
            }
            Data::Scalar { text, .. } => Ok((text, self.place, None)),
            Data::Map(entries) => match entries.as_slice() {
                [(key, value)] => Ok((&key.text, key.place, Some(value))),
                [] => Err(Mistake::at(self.place, "the value is empty").label("expected a keyword")),
                [_, (second, _), ..] => {
                    let message = format!("expected one keyword with its value, found {}", entries.len());
                    let label = format!("`{}` is the second", second.text);
                    Err(Mistake::at(second.place, message)
                        .label(label)
                        .help("begin a new entry with `- ` before it"))
                }
            },
            Data::List(_) => {
                Err(Mistake::at(self.place, "expected a keyword, found a list").label("expected a keyword"))
            }
        }
    }
}

struct Items<'de>(std::slice::Iter<'de, YamlNode>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Mistake> {
        self.0
            .next()
            .map(|node| seed.deserialize(node).map_err(|mistake| mistake.or_at(node.place)))
            .transpose()
    }
}

struct Entries<'de> {
    rest: std::slice::Iter<'de, (Key, YamlNode)>,
    value: Option<&'de YamlNode>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Mistake> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some(value);
        let word: StrDeserializer<'_, Mistake> = de::value::StrDeserializer::new(&key.text);
        seed.deserialize(word).map(Some).map_err(|mistake| mistake.or_at(key.place))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Mistake> {
        let node = self.value.take().ok_or_else(|| Mistake::custom("a value was read before its key"))?;
        seed.deserialize(node).map_err(|mistake| mistake.or_at(node.place))
    }
}

struct Word<'de> {
    word: &'de str,
    place: SourcePosition,
    value: Option<&'de YamlNode>,
}

impl<'de> EnumAccess<'de> for Word<'de> {
    type Error = Mistake;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Mistake> {
        let word: StrDeserializer<'_, Mistake> = de::value::StrDeserializer::new(self.word);
        Ok((seed.deserialize(word)?, self))
    }
}

impl<'de> Word<'de> {
    fn value(&self) -> Result<&'de YamlNode, Mistake> {
        self.value.filter(|node| !node.is_nothing()).ok_or_else(|| {
            Mistake::at(self.place, format!("`{}` needs a value", self.word))
                .label("expected a value")
                .help(format!("write `{}: …`", self.word))
        })
    }
}

impl<'de> VariantAccess<'de> for Word<'de> {
    type Error = Mistake;

    fn unit_variant(self) -> Result<(), Mistake> {
        match self.value {
            None => Ok(()),
            Some(node) => Err(Mistake::at(node.place, format!("`{}` takes no value", self.word))
                .label("not allowed here")
                .help(format!("write `{}` alone, without a colon", self.word))),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Mistake> {
        let node = self.value()?;
        seed.deserialize(node).map_err(|mistake| mistake.or_at(node.place))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Mistake> {
        self.value()?.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        self.value()?.deserialize_any(visitor)
    }
}

/// Checks that a text is neither empty nor longer than a line.
pub fn one_line(text: &At<String>) -> Result<(), Mistake> {
    if text.value.trim().is_empty() {
        return Err(Mistake::at(text.place, "the text is empty").label("expected text"));
    }
    if text.value.trim_end().contains(['\n', '\r']) {
        return Err(Mistake::at(text.place, "the text has more than one line").label("expected one line"));
    }
    Ok(())
}

/// The mistake for a node that is not a mapping.
pub fn not_keys(node: &YamlNode, what: &str) -> Mistake {
    let found = match &node.data {
        Data::Scalar { .. } => "a word or text",
        Data::List(_) => "a list",
        Data::Map(_) => "keys with values",
    };
    Mistake::at(node.place, format!("expected keys with values for {what}, found {found}"))
        .label("expected `key: value`")
}
