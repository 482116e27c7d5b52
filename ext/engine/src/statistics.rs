//! librdkafka's statistics, with what a reader of one document can't see: how each number changed.
//!
//! Every number `k` of an object gets `k_d`, its change since the document before, and `k_fd`, the milliseconds for which
//! it has not changed. Both are 0 where a number is new.
//!
//! A group of hundreds of partitions has a document of megabytes. Partitions are kept apart, so that a reader can take
//! them a few at a time.

mod memory;
mod reading;

use std::ops::Range;
use std::time::Instant;

use serde::de::DeserializeSeed;

use self::memory::{Moment, Node};
use self::reading::{Frame, Place, write_text};

/// A decorated document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// All of it as JSON, but with empty objects for the partitions.
    pub frame: String,
    topics: Vec<String>,
    /// Members of objects of partitions, `"0":{…},"1":{…}`, topic after topic.
    partitions: String,
    index: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    topic: usize,
    member: Range<usize>,
}

impl Document {
    /// Partitions as JSON objects `{"topic":…,"partitions":{…}}` of about `bytes` each.
    pub fn chunks(&self, bytes: usize) -> Vec<String> {
        let mut chunks = Vec::new();
        let mut rest = self.index.as_slice();
        while let Some(first) = rest.first() {
            let fits = |e: &&Entry| e.topic == first.topic && e.member.end <= first.member.start + bytes;
            let count = rest.iter().take_while(fits).count().max(1);
            let members = &self.partitions[first.member.start..rest[count - 1].member.end];
            let mut chunk = String::with_capacity(members.len() + 64);
            chunk.push_str("{\"topic\":");
            write_text(&mut chunk, &self.topics[first.topic]);
            chunk.push_str(",\"partitions\":{");
            chunk.push_str(members);
            chunk.push_str("}}");
            chunks.push(chunk);
            rest = &rest[count..];
        }
        chunks
    }

    /// Bytes it takes.
    pub fn len(&self) -> usize {
        self.frame.len() + self.partitions.len()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Remembers the numbers of one client's last document.
pub struct Decorator {
    client: String,
    memory: Node,
    round: u64,
    began: Instant,
}

impl Decorator {
    /// For the documents of this client; the next client counts from zero again.
    pub fn new(client: &str) -> Self {
        Self { client: client.into(), memory: Node::default(), round: 0, began: Instant::now() }
    }

    /// Whether this one remembers that client's numbers.
    pub fn knows(&self, client: &str) -> bool {
        self.client == client
    }

    /// Decorates librdkafka's document of that moment.
    ///
    /// # Errors
    /// Where it is not the JSON of librdkafka.
    pub fn decorate(&mut self, json: &str, now: Instant) -> serde_json::Result<Document> {
        self.round += 1;
        let at_ms = u64::try_from(now.saturating_duration_since(self.began).as_millis()).unwrap_or(u64::MAX);
        let mut document = Document { frame: String::with_capacity(json.len()), ..Document::default() };
        let moment = Moment { round: self.round, at_ms };
        let frame = Frame { place: Place::Root, document: &mut document, node: self.memory.visit(moment), moment };
        frame.deserialize(&mut serde_json::Deserializer::from_str(json))?;
        Ok(document)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;

    fn decorate(decorator: &mut Decorator, document: &Value, at_ms: u64) -> Document {
        let now = decorator.began + Duration::from_millis(at_ms);
        decorator.decorate(&document.to_string(), now).unwrap()
    }

    fn partition(document: &Document, topic: &str, partition: &str) -> Value {
        let chunks = document.chunks(1).into_iter().map(|chunk| serde_json::from_str::<Value>(&chunk).unwrap());
        let mut of_topic = chunks.filter(|chunk| chunk["topic"] == topic);
        of_topic.find_map(|chunk| chunk["partitions"].get(partition).cloned()).unwrap()
    }

    fn frame(document: &Document) -> Value {
        serde_json::from_str(&document.frame).unwrap()
    }

    fn statistics(rxmsgs: i64, lag: i64, more: Value) -> Value {
        let mut topic = json!({ "0": { "partition": 0, "consumer_lag": lag }, "-1": { "consumer_lag": -1 } });
        topic.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({
            "name": "c#consumer-1", "rxmsgs": rxmsgs, "brokers": { "b\"1": { "rtt": { "avg": 7 }, "ok": true } },
            "topics": { "orders": { "age": 1, "partitions": topic }, "refunds": { "partitions": { "0": {} } } },
        })
    }

    #[test]
    fn numbers_get_their_change_and_for_how_long_they_did_not() {
        let mut decorator = Decorator::new("c");
        let document = decorate(&mut decorator, &statistics(5, 3, json!({})), 100);
        assert_eq!((&frame(&document)["rxmsgs_d"], &frame(&document)["rxmsgs_fd"]), (&json!(0), &json!(0)));
        let document = decorate(&mut decorator, &statistics(8, 3, json!({})), 600);
        let all = frame(&document);
        assert_eq!(all["rxmsgs"], 8);
        assert_eq!((&all["rxmsgs_d"], &all["rxmsgs_fd"]), (&json!(3), &json!(0)));
        let rtt = &all["brokers"]["b\"1"]["rtt"];
        assert_eq!((&rtt["avg_d"], &rtt["avg_fd"]), (&json!(0), &json!(500)));
        assert_eq!(all["name"], "c#consumer-1");
        assert_eq!(all["brokers"]["b\"1"]["ok"], true);
        let document = decorate(&mut decorator, &statistics(1, 3, json!({})), 1_000);
        assert_eq!(frame(&document)["rxmsgs_d"], -7);
    }

    #[test]
    fn partitions_are_apart() {
        let mut decorator = Decorator::new("c");
        decorate(&mut decorator, &statistics(0, 3, json!({})), 0);
        let document = decorate(&mut decorator, &statistics(0, 10, json!({})), 50);
        assert_eq!(frame(&document)["topics"]["orders"]["partitions"], json!({}));
        let partition = partition(&document, "orders", "0");
        assert_eq!((&partition["consumer_lag_d"], &partition["partition_fd"]), (&json!(7), &json!(50)));
    }

    #[test]
    fn chunks_have_all_partitions_each_once() {
        let mut decorator = Decorator::new("c");
        let document = decorate(&mut decorator, &statistics(0, 3, json!({ "1": { "consumer_lag": 1 } })), 0);
        for (bytes, expected) in [(1, 4), (10_000, 2)] {
            let chunks = document.chunks(bytes);
            assert_eq!(chunks.len(), expected, "{chunks:?}");
            let mut numbers = Vec::new();
            for chunk in &chunks {
                let chunk: Value = serde_json::from_str(chunk).unwrap();
                let topic = chunk["topic"].as_str().unwrap();
                numbers.extend(chunk["partitions"].as_object().unwrap().keys().map(|n| format!("{topic}/{n}")));
            }
            numbers.sort();
            assert_eq!(numbers, ["orders/-1", "orders/0", "orders/1", "refunds/0"]);
        }
    }

    #[test]
    fn what_was_away_is_new_when_it_comes_back() {
        let mut decorator = Decorator::new("c");
        let with = |lag: i64| statistics(0, 3, json!({ "7": { "consumer_lag": lag } }));
        decorate(&mut decorator, &with(1), 0);
        decorate(&mut decorator, &statistics(0, 3, json!({})), 10);
        let document = decorate(&mut decorator, &with(100), 20);
        let partition = partition(&document, "orders", "7");
        assert_eq!((&partition["consumer_lag_d"], &partition["consumer_lag_fd"]), (&json!(0), &json!(0)));
    }

    #[test]
    fn what_is_no_document_is_an_error() {
        let now = Instant::now();
        for json in ["", "[]", "{\"topics\":1}", "{\"a\":"] {
            assert!(Decorator::new("c").decorate(json, now).is_err(), "{json}");
        }
    }
}
