# frozen_string_literal: true

RSpec.describe "Three brokers of which each is killed in turn" do
  around { |example| KafkaServer::Own.open(brokers: 3) { |own| (@kafka = own) && example.run } }

  let(:kafka) { @kafka }
  let(:brokers) { [1, 2, 3] }
  let(:partitions) { 6 }
  let(:total) { Acceptance.size(full: 500_000, short: 40_000) }
  # A second of producing, so that it goes on while a broker is away
  let(:slice) { Acceptance.size(full: 12_000, short: 1_500) }
  let(:topic) do
    KafkaServer.create_topic("orders", partitions: partitions, replication: 3, servers: kafka.bootstrap)
  end
  let(:consumed) { Array.new(partitions) { [] } }

  before do
    setup_embedded(kafka.bootstrap, kafka: {
                     acks: "all", "enable.idempotence": true, "reconnect.backoff.max.ms": 1_000,
                     "topic.metadata.refresh.interval.ms": 5_000
                   })
    numbers = consumed
    route(topic, consumer_class { messages.each { |message| numbers[partition] << message.raw_payload.to_i } })
    start_with({ topic => partitions })
  end

  # Hands messages over, a slice a second, until there are enough and each broker was killed, and waits until all are
  # acknowledged
  # @return [Integer] how many there are
  def produce
    handles = []
    until handles.size >= total && @all_killed
      began = Eventually.now
      numbers = handles.size...(handles.size + slice)
      handles.concat(Karafka.producer.produce_many_async(numbers.map { |number| message(number) }))
      sleep([began + 1 - Eventually.now, 0].max)
    end
    handles.each { |handle| handle.wait(max_wait_timeout_ms: 120_000) }.size
  end

  def message(number)
    { topic: topic, payload: number.to_s, partition: number % partitions }
  end

  def everybody_in_sync?(survivors)
    host, port = kafka.bootstrap.split(",").fetch(survivors.first - 1).split(":")
    DevKafka::Wire.open(host, port.to_i, timeout: 5) { |wire| wire.in_sync(topic) }.all? { |ids| ids.sort == survivors }
  rescue SystemCallError, DevKafka::Wire::Refused, Timeout::Error
    false
  end

  def kill_and_bring_back(broker)
    before = consumed.sum(&:size)
    kafka.kill(broker)
    eventually("leaders among the others", within: 60) { everybody_in_sync?(brokers - [broker]) }
    eventually("consumption without #{broker}", within: 60) { consumed.sum(&:size) > before + slice }
    kafka.start_again(broker)
    eventually("broker #{broker} in sync", within: 60) { everybody_in_sync?(brokers) }
  end

  it "cost no message, whether produced or consumed" do
    began = Eventually.now
    producing = Thread.new { produce }
    eventually("messages", within: 30) { consumed.all?(&:any?) }
    brokers.each { |broker| kill_and_bring_back(broker) }
    @all_killed = true
    count = producing.value

    eventually("all messages", within: 120) do
      consumed.sum(&:size) >= count && consumed.sum { |numbers| numbers.uniq.size } == count
    end
    Acceptance.note("#{count} messages in #{(Eventually.now - began).round} s, each of 3 brokers killed: none lost, " \
                    "#{consumed.sum(&:size) - count} repeated; errors " \
                    "#{errors.map { |one| one.error.respond_to?(:code) ? one.error.code : one.type }.tally}")
    consumed.each_with_index do |numbers, partition|
      expect(numbers.uniq).to eq((0...count).select { |number| number % partitions == partition })
    end
    expect(errors.map(&:type).uniq - %w[librdkafka.error connection.client.poll.error]).to be_empty
    expect(Karafka::Embedded.stop).to be_clean
  end
end
