//! The producer on the embedded broker.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use karafka_engine::EngineError;
use karafka_engine::broker::{AUTO_CREATED_PARTITIONS, Broker, Request};
use karafka_engine::producer::{ANY_PARTITION, Fed, Interest, Partitioner, Producer, ProducerEvent, Record};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

const PATIENCE: Duration = Duration::from_secs(20);

fn broker() -> Broker {
    Broker::start(&BTreeMap::from([("orders".to_string(), 4)])).unwrap()
}

fn producer_with(broker: &Broker, settings: &[(&str, &str)]) -> Producer {
    let mut all = BTreeMap::from([("bootstrap.servers".to_string(), broker.bootstrap_servers().to_string())]);
    all.extend(settings.iter().map(|(name, value)| (name.to_string(), value.to_string())));
    Producer::new("spec", &all).unwrap()
}

fn record(payload: &str) -> Record<'_> {
    Record { topic: "orders", partition: 1, payload: Some(payload.as_bytes()), ..Record::default() }
}

fn code(error: &EngineError) -> Option<RDKafkaErrorCode> {
    match error {
        EngineError::Kafka { code, .. } => Some(*code),
        _ => None,
    }
}

/// Reads the feed until `done` is content.
fn read_until(producer: &Producer, mut done: impl FnMut(&[ProducerEvent]) -> bool) -> Vec<ProducerEvent> {
    let deadline = Instant::now() + PATIENCE;
    let mut seen = Vec::new();
    while Instant::now() < deadline {
        if let Fed::Events(events) = producer.feed().next(100, Duration::from_millis(50)) {
            seen.extend(events);
        }
        if done(&seen) {
            return seen;
        }
    }
    panic!("not in time: {seen:?}");
}

#[test]
fn a_message_arrives_whole() {
    let broker = broker();
    let producer = producer_with(&broker, &[]);
    let headers: [(&[u8], Option<&[u8]>); 3] =
        [(b"trace", Some(b"1")), (b"trace", Some(b"\xff\x00")), (b"nothing", None)];
    let whole = Record {
        topic: "orders",
        partition: 2,
        payload: Some(b"a\0b"),
        key: Some(b"key"),
        headers: &headers,
        timestamp_ms: 1_700_000_000_123,
    };
    let tombstone = Record { payload: None, headers: &[], ..whole };
    let empty = Record { payload: Some(b""), ..tombstone };
    for (offset, record) in [whole, tombstone, empty].iter().enumerate() {
        let answer = producer.produce(record, 0).unwrap().wait(PATIENCE).unwrap();
        assert_eq!((answer.partition, answer.offset, answer.outcome), (2, offset as i64, Ok(())));
    }

    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker.bootstrap_servers())
        .set("group.id", "spec")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset("orders", 2, Offset::Beginning).unwrap();
    consumer.assign(&list).unwrap();
    let next = || consumer.poll(PATIENCE).unwrap().unwrap().detach();
    let (first, second, third) = (next(), next(), next());
    assert_eq!((first.payload(), first.key()), (Some(&b"a\0b"[..]), Some(&b"key"[..])));
    assert_eq!(first.timestamp().to_millis(), Some(1_700_000_000_123));
    let got: Vec<_> =
        first.headers().unwrap().iter().map(|h| (h.key.to_string(), h.value.map(<[u8]>::to_vec))).collect();
    let expected = [("trace", Some(&b"1"[..])), ("trace", Some(&b"\xff\x00"[..])), ("nothing", None)];
    assert_eq!(got, expected.map(|(name, value)| (name.to_string(), value.map(<[u8]>::to_vec))));
    assert_eq!((second.payload(), third.payload()), (None, Some(&b""[..])));
}

#[test]
fn many_are_answered_in_order() {
    let broker = broker();
    let producer = producer_with(&broker, &[]);
    let deliveries: Vec<_> = (0..5_000).map(|i| producer.produce(&record(&i.to_string()), 0).unwrap()).collect();
    assert!(producer.flush(PATIENCE).unwrap());
    let offsets: Vec<_> = deliveries.iter().map(|d| d.wait(PATIENCE).unwrap().offset).collect();
    assert_eq!(offsets, (0..5_000).collect::<Vec<i64>>());
    assert_eq!(producer.queue_len().unwrap(), 0);
}

#[test]
fn a_full_queue_is_said_at_once() {
    let broker = broker();
    broker.broker_down(None).unwrap();
    let producer = producer_with(&broker, &[("queue.buffering.max.messages", "10")]);
    for _ in 0..10 {
        producer.produce(&record("x"), 0).unwrap();
    }
    let full = producer.produce(&record("x"), 0).unwrap_err();
    assert_eq!(code(&full), Some(RDKafkaErrorCode::QueueFull));

    broker.broker_up(None).unwrap();
    assert!(producer.flush(PATIENCE).unwrap());
    producer.produce(&record("x"), 0).unwrap().wait(PATIENCE).unwrap().outcome.unwrap();
}

#[test]
fn reports_nobody_reads_fill_the_queue_too() {
    let broker = broker();
    let producer = producer_with(&broker, &[("queue.buffering.max.messages", "10")]);
    producer.feed().want(Interest::Acknowledgements);
    for _ in 0..10 {
        producer.produce(&record("x"), 0).unwrap().wait(PATIENCE).unwrap();
    }
    let deadline = Instant::now() + PATIENCE;
    while producer.feed().unread_deliveries() < 10 && Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert_eq!(code(&producer.produce(&record("x"), 0).unwrap_err()), Some(RDKafkaErrorCode::QueueFull));
    read_until(&producer, |seen| seen.len() >= 10);
    producer.produce(&record("x"), 0).unwrap();
}

#[test]
fn what_a_broker_refuses_ends_with_its_error() {
    let broker = broker();
    let producer = producer_with(&broker, &[("retries", "0")]);
    producer.feed().want(Interest::DispatchErrors);
    broker.request_errors(Request::Produce, &[RDKafkaErrorCode::TopicAuthorizationFailed as i32]).unwrap();
    let answer = producer.produce(&record("x"), 42).unwrap().wait(PATIENCE).unwrap();
    assert_eq!(answer.outcome, Err(RDKafkaErrorCode::TopicAuthorizationFailed));

    let denied = RDKafkaErrorCode::TopicAuthorizationFailed as i32;
    read_until(&producer, |seen| {
        seen.iter().any(
            |event| matches!(event, ProducerEvent::Delivery { label: 42, partition: 1, code, .. } if *code == denied),
        )
    });
}

#[test]
fn a_too_large_message_is_refused_at_once() {
    let broker = broker();
    let producer = producer_with(&broker, &[("message.max.bytes", "1000")]);
    let refused = producer.produce(&record(&"x".repeat(2_000)), 0).unwrap_err();
    assert_eq!(code(&refused), Some(RDKafkaErrorCode::MessageSizeTooLarge));
}

#[test]
fn a_close_waits_for_answers() {
    let broker = broker();
    let producer = producer_with(&broker, &[("linger.ms", "60000")]);
    let delivery = producer.produce(&record("x"), 0).unwrap();
    let closed = producer.close(PATIENCE);
    assert_eq!((closed.purged, closed.left_behind), (0, false));
    assert_eq!(delivery.answer().unwrap().outcome, Ok(()));
    assert!(matches!(producer.produce(&record("x"), 0), Err(EngineError::ProducerClosed { .. })));
    assert_eq!(producer.close(PATIENCE).purged, 0);
    assert_eq!(producer.feed().next(1, PATIENCE), Fed::Closed);
}

#[test]
fn a_close_gives_up_at_its_deadline() {
    let broker = broker();
    let producer = producer_with(&broker, &[]);
    producer.produce(&record("x"), 0).unwrap().wait(PATIENCE).unwrap();
    broker.broker_down(None).unwrap();
    let deliveries: Vec<_> = (0..3).map(|_| producer.produce(&record("x"), 0).unwrap()).collect();
    let began = Instant::now();
    let closed = producer.close(Duration::from_millis(100));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!((closed.purged, closed.left_behind), (3, false));
    for delivery in deliveries {
        let outcome = delivery.answer().unwrap().outcome;
        assert!(matches!(outcome, Err(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight)), "{outcome:?}");
    }
}

#[test]
fn an_orphan_still_sends_what_it_was_given() {
    let broker = broker();
    let producer = producer_with(&broker, &[("linger.ms", "200")]);
    let delivery = producer.produce(&record("x"), 0).unwrap();
    drop(producer);
    assert_eq!(delivery.wait(PATIENCE).unwrap().outcome, Ok(()));
}

#[test]
fn partitions_are_counted_and_keys_lead_to_one() {
    let broker = broker();
    let producer = producer_with(&broker, &[]);
    assert_eq!(producer.partition_count("orders", PATIENCE).unwrap(), Some(4));
    let partition = producer.partition_of_key("orders", b"order-1", None, PATIENCE).unwrap();
    assert_eq!(partition, Partitioner::Crc32.partition(b"order-1", 4));
    let record = Record { partition: ANY_PARTITION, key: Some(b"order-1"), ..record("x") };
    let answer = producer.produce(&record, 0).unwrap().wait(PATIENCE).unwrap();
    assert_eq!(Some(answer.partition), partition);
    assert_eq!(producer.partition_count("fresh", PATIENCE).unwrap(), Some(AUTO_CREATED_PARTITIONS));
}

#[test]
fn without_a_broker_nothing_is_counted() {
    // A port that no other test's broker can have taken.
    let settings = BTreeMap::from([("bootstrap.servers".to_string(), "127.0.0.1:1".to_string())]);
    let producer = Producer::new("spec", &settings).unwrap();
    let began = Instant::now();
    assert_eq!(producer.partition_count("orders", Duration::from_millis(200)).unwrap(), None);
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[test]
fn errors_and_statistics_are_told() {
    let broker = broker();
    let producer = producer_with(&broker, &[("statistics.interval.ms", "50")]);
    producer.produce(&record("x"), 0).unwrap().wait(PATIENCE).unwrap();
    broker.stop();
    let told = read_until(&producer, |seen| {
        seen.iter().any(|e| matches!(e, ProducerEvent::Error { fatal: false, .. }))
            && seen.iter().any(|e| matches!(e, ProducerEvent::Statistics(_)))
    });
    assert!(!told.iter().any(|e| matches!(e, ProducerEvent::Delivery { .. })), "nobody asked for deliveries");
}

#[test]
fn settings_that_can_not_be_are_named() {
    for (name, value) in [("delivery.report.only.error", "true"), ("partitioner", "sticky"), ("acks", "many")] {
        let settings = BTreeMap::from([(name.to_string(), value.to_string())]);
        let refused = Producer::new("spec", &settings).map(drop).unwrap_err();
        assert!(refused.to_string().contains(name), "{refused}");
    }
}

#[test]
fn each_of_many_producers_ends_with_its_client() {
    let broker = broker();
    for _ in 0..50 {
        let producer = producer_with(&broker, &[]);
        producer.produce(&record("x"), 0).unwrap();
        let closed = producer.close(PATIENCE);
        assert_eq!((closed.purged, closed.left_behind), (0, false));
    }
}

#[test]
fn in_a_fork_it_is_inert() {
    let broker = broker();
    let producer = producer_with(&broker, &[]);
    let delivery = producer.produce(&record("x"), 0).unwrap();
    // SAFETY: the child only uses handles that look at the process first, and leaves without running destructors of
    // anything else.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let inert = matches!(producer.produce(&record("y"), 0), Err(EngineError::ForeignProcess { .. }))
            && delivery.wait(PATIENCE).is_none()
            && matches!(broker.create_topic("child", 1), Err(EngineError::ForeignProcess { .. }))
            && !broker.is_running();
        broker.stop();
        producer.close(PATIENCE);
        drop((delivery, producer, broker));
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(if inert { 0 } else { 1 }) }
    }
    let mut status = 0;
    // SAFETY: waits for the child made above.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0);
    assert_eq!(delivery.wait(PATIENCE).unwrap().outcome, Ok(()));
    assert!(producer.flush(PATIENCE).unwrap());
}
