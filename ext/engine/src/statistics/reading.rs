//! Reads a document and writes it again, in one pass.

use std::fmt::{self, Write};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::memory::{Moment, Node, Number};
use super::{Document, Entry};

/// The way to the partitions: `topics.*.partitions.*`.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Root,
    Topics,
    Topic(usize),
    Partitions(usize),
}

/// An object on that way.
pub(super) struct Frame<'d> {
    pub(super) place: Place,
    pub(super) document: &'d mut Document,
    pub(super) node: &'d mut Node,
    pub(super) moment: Moment,
}

impl<'de> DeserializeSeed<'de> for Frame<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Frame<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of librdkafka's statistics")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { place, document, node, moment } = self;
        document.frame.push('{');
        let mut members = 0;
        while let Some(name) = map.next_key::<String>()? {
            let below = match (place, name.as_str()) {
                (Place::Partitions(topic), _) => {
                    read_partition(&mut map, document, node.child(&name, moment), topic, &name, moment)?;
                    continue;
                }
                (Place::Root, "topics") => Some(Place::Topics),
                (Place::Topics, _) => {
                    document.topics.push(name.clone());
                    Some(Place::Topic(document.topics.len() - 1))
                }
                (Place::Topic(topic), "partitions") => Some(Place::Partitions(topic)),
                _ => None,
            };
            write_name(&mut document.frame, &name, members);
            members += 1;
            match below {
                Some(place) => {
                    let node = node.child(&name, moment);
                    map.next_value_seed(Frame { place, document: &mut *document, node, moment })?;
                }
                None => {
                    map.next_value_seed(Member { name: &name, out: &mut document.frame, node: &mut *node, moment })?
                }
            }
        }
        document.frame.push('}');
        Ok(())
    }
}

fn read_partition<'de, A: MapAccess<'de>>(
    map: &mut A,
    document: &mut Document,
    node: &mut Node,
    topic: usize,
    name: &str,
    moment: Moment,
) -> Result<(), A::Error> {
    let others = usize::from(document.index.last().is_some_and(|e| e.topic == topic));
    let out = &mut document.partitions;
    let member = out.len() + others; // behind the comma
    write_name(out, name, others);
    map.next_value_seed(Object { out, node, moment })?;
    document.index.push(Entry { topic, member: member..out.len() });
    Ok(())
}

/// Any other object.
struct Object<'d> {
    out: &'d mut String,
    node: &'d mut Node,
    moment: Moment,
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of librdkafka's statistics")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.out.push('{');
        let mut members = 0;
        while let Some(name) = map.next_key::<String>()? {
            write_name(self.out, &name, members);
            members += 1;
            let member = Member { name: &name, out: &mut *self.out, node: &mut *self.node, moment: self.moment };
            map.next_value_seed(member)?;
        }
        self.out.push('}');
        Ok(())
    }
}

/// The value of a member; its name is written.
struct Member<'d> {
    name: &'d str,
    out: &'d mut String,
    node: &'d mut Node,
    moment: Moment,
}

impl Member<'_> {
    fn number(self, number: Number) {
        let (change, unchanged_ms) = self.node.remember(self.name, number, self.moment);
        let _ = write!(self.out, "{number},\"{name}_d\":{change},\"{name}_fd\":{unchanged_ms}", name = self.name);
    }
}

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of librdkafka's statistics")
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.number(Number::Integer(number.into()));
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.number(Number::Integer(number.into()));
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.number(Number::Float(number));
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.out.push_str(if value { "true" } else { "false" });
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.out.push_str("null");
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        write_text(self.out, text);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let node = self.node.child(self.name, self.moment);
        Object { out: self.out, node, moment: self.moment }.visit_map(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut list = Vec::new();
        while let Some(value) = seq.next_element::<serde_json::Value>()? {
            list.push(value);
        }
        self.out.push_str(&serde_json::Value::Array(list).to_string());
        Ok(())
    }
}

fn write_name(out: &mut String, name: &str, members_before: usize) {
    if members_before > 0 {
        out.push(',');
    }
    write_text(out, name);
    out.push(':');
}

/// Writes a JSON string.
pub(super) fn write_text(out: &mut String, text: &str) {
    let plain = text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\');
    if plain {
        let _ = write!(out, "\"{text}\"");
    } else {
        out.push_str(&serde_json::Value::from(text).to_string());
    }
}
