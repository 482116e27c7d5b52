//! What a consumer loop costs at least: `rd_kafka_consume_batch_queue` in a bare loop, nothing around it.
//!
//! `floor backlog BOOTSTRAP_SERVERS TOPIC PARTITIONS MESSAGES BATCH_SIZE [NAME=VALUE]...` reads that many messages in a
//! new consumer group, looks at each payload's length, frees it, and prints one JSON object.
//! `floor paced BOOTSTRAP_SERVERS TOPIC PARTITIONS MESSAGES` prints an empty object when a first message came, then takes
//! that many which `produce paced` sends after, and prints how old each was, in milliseconds.
//!
//! There is one reader of one queue: the consumer's, into which librdkafka forwards those of all partitions. librdkafka's
//! settings are those the engine's client begins with for a topic of so many partitions, but for NAME=VALUE.

use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::{CStr, CString, c_char};
use std::time::{Duration, Instant};

use karafka_engine::EngineConfig;
use karafka_engine::settings::GroupSettings;
use rdkafka::bindings as sys;
use rdkafka::types::RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR as NO_ERROR;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const REASON_SIZE: usize = 512;
const POLL_MS: i32 = 1_000;
const PATIENCE: Duration = Duration::from_secs(30);

struct Consumer {
    client: *mut sys::rd_kafka_t,
    queue: *mut sys::rd_kafka_queue_t,
}

impl Consumer {
    fn new(settings: &BTreeMap<String, String>) -> Result<Self> {
        let mut reason = [0 as c_char; REASON_SIZE];
        // SAFETY: rd_kafka_new takes the configuration over; the buffer has the size given and is NUL-terminated.
        let client = unsafe {
            let conf = sys::rd_kafka_conf_new();
            for (name, value) in settings {
                let (name, value) = (CString::new(name.as_str())?, CString::new(value.as_str())?);
                sys::rd_kafka_conf_set(conf, name.as_ptr(), value.as_ptr(), reason.as_mut_ptr(), REASON_SIZE);
            }
            let kind = sys::rd_kafka_type_t::RD_KAFKA_CONSUMER;
            let client = sys::rd_kafka_new(kind, conf, reason.as_mut_ptr(), REASON_SIZE);
            if client.is_null() {
                return Err(CStr::from_ptr(reason.as_ptr()).to_string_lossy().into());
            }
            sys::rd_kafka_poll_set_consumer(client);
            client
        };
        // SAFETY: the client is live and a consumer.
        Ok(Self { client, queue: unsafe { sys::rd_kafka_queue_get_consumer(client) } })
    }

    fn subscribe(&self, topic: &str) -> Result<()> {
        let topic = CString::new(topic)?;
        // SAFETY: the list and the name live as long as the call, which copies them.
        let subscribed = unsafe {
            let topics = sys::rd_kafka_topic_partition_list_new(1);
            sys::rd_kafka_topic_partition_list_add(topics, topic.as_ptr(), -1);
            let subscribed = sys::rd_kafka_subscribe(self.client, topics);
            sys::rd_kafka_topic_partition_list_destroy(topics);
            subscribed
        };
        if subscribed == NO_ERROR { Ok(()) } else { Err(format!("subscribe: {subscribed:?}").into()) }
    }

    /// Takes a batch, hands each message to `look` and frees it.
    fn read(&self, slots: &mut [*mut sys::rd_kafka_message_t], mut look: impl FnMut(&sys::rd_kafka_message_t)) {
        // SAFETY: librdkafka fills as many slots as it returns; each message is ours, read, and freed once.
        unsafe {
            let taken = sys::rd_kafka_consume_batch_queue(self.queue, POLL_MS, slots.as_mut_ptr(), slots.len());
            for &message in &slots[..usize::try_from(taken).unwrap_or(0)] {
                if (*message).err == NO_ERROR {
                    look(&*message);
                }
                sys::rd_kafka_message_destroy(message);
            }
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        // SAFETY: the last use of both; the queue goes first.
        unsafe {
            sys::rd_kafka_queue_destroy(self.queue);
            sys::rd_kafka_consumer_close(self.client);
            sys::rd_kafka_destroy(self.client);
        }
    }
}

/// The engine's settings, above all its limits of memory for so many partitions.
fn settings(bootstrap_servers: &str, topic: &str, partitions: usize) -> Result<BTreeMap<String, String>> {
    let group = format!("floor-{}", std::process::id());
    let config = EngineConfig::from_json(
        &serde_json::json!({
            "client_id": "floor", "groups": [{
                "id": group, "group_id": group, "name": group, "max_messages": 1,
                "kafka": { "bootstrap.servers": bootstrap_servers, "auto.offset.reset": "earliest" },
                "topics": [{ "name": topic, "max_messages": 1 }],
            }],
        })
        .to_string(),
    )?;
    let group = config.groups.first().ok_or("no group")?;
    let mut settings = GroupSettings::of(group, config.prefetch_bytes_per_group());
    settings.expect_partitions(partitions);
    let mut settings = settings.librdkafka().clone();
    // The engine has a reader for logs and statistics, this loop has none.
    settings.insert("log.queue".into(), "false".into());
    settings.insert("statistics.interval.ms".into(), "0".into());
    Ok(settings)
}

fn cpu_time() -> Duration {
    clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

fn peak_rss_mb() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<f64>()? / 1024.0)
}

/// Reads a backlog, from its first batch on: the clocks start after that.
fn backlog(consumer: &Consumer, wanted: u64, batch_size: usize) -> Result<serde_json::Value> {
    let mut slots = vec![std::ptr::null_mut(); batch_size];
    let (mut messages, mut bytes) = (0, 0);
    let mut began = (Instant::now(), cpu_time());
    while messages < wanted {
        let before = messages;
        consumer.read(&mut slots, |message| {
            messages += 1;
            bytes += std::hint::black_box(message.len) as u64;
        });
        if before == 0 && messages > 0 {
            began = (Instant::now(), cpu_time());
        }
        if messages == 0 && began.0.elapsed() > PATIENCE {
            return Err("no message".into());
        }
    }
    let (seconds, cpu) = (began.0.elapsed().as_secs_f64(), (cpu_time() - began.1).as_secs_f64());
    Ok(serde_json::json!({
        "messages": messages, "bytes": bytes, "seconds": seconds, "cpu_seconds": cpu, "rss_mb": peak_rss_mb()?,
    }))
}

/// Ages of messages that were sent after this process began; what is older only says that messages arrive.
fn paced(consumer: &Consumer, wanted: usize) -> Result<serde_json::Value> {
    // librdkafka waits until a batch is full, or its time is over.
    let mut slots = [std::ptr::null_mut()];
    let (since, mut last) = (clock(libc::CLOCK_MONOTONIC), Instant::now());
    let (mut ages_ms, mut arrived) = (Vec::with_capacity(wanted), false);
    while ages_ms.len() < wanted {
        let mut came = false;
        consumer.read(&mut slots, |message| {
            came = true;
            let sent = stamp(message).filter(|sent| *sent > since);
            ages_ms.extend(sent.map(|sent| (clock(libc::CLOCK_MONOTONIC) - sent).as_secs_f64() * 1_000.0));
        });
        if came {
            last = Instant::now();
        } else if last.elapsed() > PATIENCE {
            return Err("no message".into());
        }
        if came && !arrived {
            arrived = true;
            println!("{}", serde_json::json!({}));
        }
    }
    Ok(serde_json::json!({ "ages_ms": ages_ms }))
}

/// When a message of `produce paced` was sent.
fn stamp(message: &sys::rd_kafka_message_t) -> Option<Duration> {
    if message.payload.is_null() {
        return None;
    }
    // SAFETY: the payload has that many bytes and lives as long as the message.
    let payload = unsafe { std::slice::from_raw_parts(message.payload.cast::<u8>(), message.len) };
    std::str::from_utf8(payload.get(..20)?).ok()?.parse().ok().map(Duration::from_nanos)
}

fn clock(which: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes the struct that it is given.
    unsafe { libc::clock_gettime(which, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let mut next = |what| args.next().ok_or(format!("floor: {what} is missing"));
    let mode = next("backlog or paced")?;
    let (bootstrap_servers, topic) = (next("BOOTSTRAP_SERVERS")?, next("TOPIC")?);
    let partitions = next("PARTITIONS")?.parse()?;
    let wanted: u64 = next("MESSAGES")?.parse()?;
    let batch_size = if mode == "backlog" { next("BATCH_SIZE")?.parse()? } else { 1 };
    let mut settings = settings(&bootstrap_servers, &topic, partitions)?;
    settings.extend(args.filter_map(|arg| arg.split_once('=').map(|(name, value)| (name.into(), value.into()))));

    let consumer = Consumer::new(&settings)?;
    consumer.subscribe(&topic)?;
    let report = match mode.as_str() {
        "backlog" => backlog(&consumer, wanted, batch_size)?,
        "paced" => paced(&consumer, usize::try_from(wanted)?)?,
        other => return Err(format!("floor: {other} is neither backlog nor paced").into()),
    };
    println!("{report}");
    Ok(())
}
