# frozen_string_literal: true

require "tmpdir"

RSpec.describe "The rules of membership" do
  let(:group) { Karafka::App.config.group_id }
  let(:gate) { Queue.new }
  let(:outcomes) { Queue.new }
  let(:revoked) { Queue.new }
  let(:seen) { Queue.new }

  # A consumer whose first job of "slow" waits for the gate, and then tries to mark and commit
  def consuming_slowly(kafka)
    gates = gate
    told = outcomes
    gone = revoked
    consuming(%w[slow], partitions: 2, kafka: kafka, hooks: { revoked: proc { gone << partition } }) do
      next unless messages.first.raw_payload == "slow" && !gates.closed?

      gates.pop
      told << [mark_as_consumed(messages.last), mark_as_consumed!(messages.last), commit_offsets!, revoked?]
    end
    feed(topic, %w[quick], partition: 1)
  end

  def with_other_process(kafka)
    Dir.mktmpdir do |directory|
      journal = Journal.new(File.join(directory, "journal"))
      ChildProcess.open(:journal, bootstrap: KafkaServer.bootstrap, topic: topic, group: group, batch_ms: 0,
                                  journal: journal.path, kafka: kafka) do |process|
        yield journal
        process.signal(:TERM)
        process.await(:stopped)
      end
    end
  end

  {
    "revoke all partitions first" => { "partition.assignment.strategy": "range", "session.timeout.ms": 2_000 },
    "move what has to (KIP-429)" => { "partition.assignment.strategy": "cooperative-sticky",
                                      "session.timeout.ms": 2_000 },
    "belong to brokers (KIP-848)" => { "group.protocol": "consumer", "heartbeat.interval.ms": nil }
  }.each do |groups, strategy|
    it "O23: a job that outlives max.poll.interval.ms costs its member the partitions, in groups that #{groups}" do
      kafka = { "max.poll.interval.ms": 2_500, **strategy }
      consuming_slowly(kafka)
      eventually("the idle partition's message") { committed(partition: 1) == 1 }
      exceeded = eventually("report") { reported["connection.client.poll.error"]&.first }
      expect(exceeded).to have_attributes(code: :max_poll_exceeded, message: %r{#{topic}/0.*max\.poll\.interval\.ms})
      eventually("loss") { assigned.empty? }
      eventually("hook of the idle partition") { revoked.size == 1 }
      with_other_process(kafka.compact) do |journal|
        eventually("the message in the other process", within: 30) { journal.entries.map(&:place).include?([0, 0]) }
        expect(revoked.size).to eq(1)
        gate.close
        expect(outcomes.pop).to eq([false, false, false, true])
        eventually("hook of the busy partition") { revoked.size == 2 }
        eventually("return", within: 30) { assigned == { topic => 1 } }
      end
      eventually("return of everything", within: 30) { assigned == { topic => 2 } }
      expect(committed).to eq(1)
      # The watchdog may have noticed the job, too
      expect(reported.keys - ["watchdog.stall.error"]).to eq(["connection.client.poll.error"])
    end
  end

  it "O24: a client that can't go on is reported and replaced, and work goes on where it was committed" do
    payloads = seen
    gone = revoked
    # The group keeps the former member for so long: a client that can't go on can't leave, either
    kafka = { "session.timeout.ms": 2_000 }
    consuming(%w[a], kafka: kafka, hooks: { revoked: proc { gone << partition } }) do
      messages.each { |message| payloads << message.raw_payload }
    end
    eventually("commit") { committed == 1 }
    name = Karafka::Server.listeners.first.client.name
    Karafka::Embedded.runtime.engine.provoke(:fatal_error)
    eventually("reset", within: 30) { events_of("client.reset").any? }
    expect(events_of("client.reset").first[:time]).to be_between(1_000, 20_000)
    expect(events_of("client.reset").first[:caller].name).not_to eq(name)
    expect(reported.keys).to eq(["connection.listener.fetch_loop.error"])
    expect(revoked.size).to eq(1)
    eventually("assignment", within: 60) { assigned == { topic => 1 } }
    feed(topic, %w[b], partition: 0)
    eventually("the next message") { seen.size == 2 }
    expect(Array.new(2) { seen.pop }).to eq(%w[a b])
    eventually("health") { Karafka::Embedded.healthy? }
  end

  describe "O25" do
    def routed(kafka, *topics)
      payloads = seen
      reader = consumer_class { messages.each { |message| payloads << message.raw_payload } }
      setup_embedded(KafkaServer.bootstrap, kafka: { "topic.metadata.refresh.interval.ms": 500, **kafka })
      topics.each { |name| route(name, reader) }
      Karafka::Embedded.start
    end

    let(:missing) { unique("missing") }
    let(:present) { KafkaServer.create_topic("present") }

    it "O25: a topic that does not exist is reported" do
      routed({ "allow.auto.create.topics": false }, missing, present)
      error = eventually("report") { reported["connection.client.poll.error"]&.first }
      expect(error).to have_attributes(code: :unknown_topic_or_part, message: /#{missing}.*allow\.auto\.create\.topics/)
    end

    it "O25: a topic that is created by its use is not reported" do
      routed({ "allow.auto.create.topics": true }, missing, present)
      eventually("both", within: 30) { assigned == { missing => 1, present => 1 } }
      expect(errors).to be_empty
    end

    it "O25: a strategy that nobody else in the group has is reported at once, and heals when they are gone" do
      command = IndependentMember.kcat(KafkaServer.bootstrap, topic: present, group: unique("group"), kafka: {
                                         "partition.assignment.strategy": "range", "session.timeout.ms": 2_000
                                       })
      Dir.mktmpdir do |directory|
        journal = Journal.new(File.join(directory, "journal"))
        IndependentMember.open(command, journal) do
          Feed.open(KafkaServer.bootstrap) { |feed| feed.send(present, %w[1]) }
          eventually("the other's message", within: 30) { journal.entries.any? }
          setup_embedded(KafkaServer.bootstrap,
                         kafka: { "partition.assignment.strategy": "cooperative-sticky" }) do |config|
            config.group_id = command[-2]
          end
          payloads = seen
          route(present, consumer_class { messages.each { |message| payloads << message.raw_payload } })
          Karafka::Embedded.start
          error = eventually("report") { reported["connection.client.poll.error"]&.first }
          expect(error).to have_attributes(
            code: :inconsistent_group_protocol, message: /partition\.assignment\.strategy/
          )
          expect(Karafka::Embedded.health).to include(
            state: :running, healthy: false, reasons: include(/partition\.assignment\.strategy/)
          )
        end
        eventually("assignment", within: 30) { assigned == { present => 1 } }
        eventually("health") { Karafka::Embedded.healthy? }
      end
    end
  end
end
