//! Fills topics for the benches.
//!
//! `produce backlog BOOTSTRAP_SERVERS TOPIC PARTITIONS MESSAGES BATCH_BYTES` makes the topic if it isn't there, and adds
//! messages of 200 bytes until it holds that many, in batches of so many bytes.
//! `produce paced BOOTSTRAP_SERVERS TOPIC PARTITIONS MESSAGES EVERY_MS LINGER_MS` sends one every few milliseconds, round
//! robin; a payload begins with the nanoseconds of `CLOCK_MONOTONIC` at its send, in 20 digits. In PARTITIONS, `4` stands
//! for all of four, `1..4` for all but the first of them.

use std::error::Error;
use std::ops::Range;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const SIZE: usize = 200;
const TIMEOUT: Duration = Duration::from_secs(60);

struct Target {
    servers: String,
    topic: String,
    partitions: Range<i32>,
}

impl Target {
    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.servers);
        config
    }

    /// Makes the topic, unless it is there.
    fn create(&self) -> Result<()> {
        let admin: AdminClient<_> = self.client().create()?;
        let topic = NewTopic::new(&self.topic, self.partitions.end, TopicReplication::Fixed(1));
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let options = AdminOptions::new().operation_timeout(Some(TIMEOUT));
        for outcome in runtime.block_on(admin.create_topics([&topic], &options))? {
            match outcome {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) => return Err(format!("{topic}: {code}").into()),
            }
        }
        Ok(())
    }

    /// How many messages the topic holds; a topic that was just made has no leaders at first.
    fn held(&self) -> Result<i64> {
        let consumer: BaseConsumer = self.client().create()?;
        let deadline = Instant::now() + TIMEOUT;
        let mut sum = 0;
        for partition in 0..self.partitions.end {
            let (low, high) = loop {
                match consumer.fetch_watermarks(&self.topic, partition, TIMEOUT) {
                    Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(50)),
                    watermarks => break watermarks?,
                }
            };
            sum += high - low;
        }
        Ok(sum)
    }

    fn partition(&self, index: i64) -> i32 {
        let count = i64::from(self.partitions.end - self.partitions.start);
        self.partitions.start + (index % count) as i32
    }

    fn send(&self, producer: &BaseProducer, partition: i32, payload: &[u8]) -> Result<()> {
        let mut record = BaseRecord::<(), [u8]>::to(&self.topic).partition(partition).payload(payload);
        loop {
            match producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    producer.poll(Duration::from_millis(10));
                    record = back;
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
    }

    fn backlog(&self, messages: i64, batch_bytes: &str) -> Result<()> {
        self.create()?;
        let producer: BaseProducer = self.client().set("linger.ms", "50").set("batch.size", batch_bytes).create()?;
        let held = self.held()?;
        // Long runs to a partition: batches like those of a topic that was filled over time.
        let run = (messages / i64::from(self.partitions.end)).clamp(1, 1_000);
        for index in held..messages {
            self.send(&producer, self.partition(index / run), &[b'x'; SIZE])?;
        }
        producer.flush(TIMEOUT)?;
        println!("{}", serde_json::json!({ "held": held, "produced": (messages - held).max(0) }));
        Ok(())
    }

    fn paced(&self, messages: i64, every: Duration, linger_ms: &str) -> Result<()> {
        let producer: BaseProducer = self.client().set("linger.ms", linger_ms).create()?;
        let mut payload = [b'x'; SIZE];
        let mut due = Instant::now();
        for index in 0..messages {
            // Waits for nothing: a wait of less than a millisecond would be spent spinning.
            producer.poll(Duration::ZERO);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            due += every;
            payload[..20].copy_from_slice(format!("{:020}", monotonic_ns()).as_bytes());
            self.send(&producer, self.partition(index), &payload)?;
        }
        producer.flush(TIMEOUT)?;
        Ok(())
    }
}

fn monotonic_ns() -> u128 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes the struct that it is given.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32).as_nanos()
}

fn partitions(text: &str) -> Result<Range<i32>> {
    let (first, count) = text.split_once("..").unwrap_or(("0", text));
    Ok(first.parse()?..count.parse()?)
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let mut next = |what| args.next().ok_or(format!("produce: {what} is missing"));
    let mode = next("backlog or paced")?;
    let (servers, topic) = (next("BOOTSTRAP_SERVERS")?, next("TOPIC")?);
    let target = Target { servers, topic, partitions: partitions(&next("PARTITIONS")?)? };
    let messages = next("MESSAGES")?.parse()?;
    match mode.as_str() {
        "backlog" => target.backlog(messages, &next("BATCH_BYTES")?),
        "paced" => {
            let every = Duration::from_secs_f64(next("EVERY_MS")?.parse::<f64>()? / 1_000.0);
            target.paced(messages, every, &next("LINGER_MS")?)
        }
        other => Err(format!("produce: {other} is neither backlog nor paced").into()),
    }
}
