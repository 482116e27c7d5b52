# frozen_string_literal: true

require "tmpdir"

RSpec.describe "A storm of rebalances" do
  let(:partitions) { 12 }
  let(:size) { Acceptance.size(full: 41_667, short: 2_000) }
  let(:kills) { Acceptance.size(full: 18, short: 3) }
  let(:life_s) { 5 }
  let(:topic) { KafkaServer.create_topic("orders", partitions: partitions, replication: 3, servers: @kafka.bootstrap) }
  let(:group) { unique("group") }
  let(:journals) { [] }
  let(:complaints) { [] }
  let(:ledger) { Ledger.new(partitions: partitions, size: size) }
  let(:running_batches) { Karafka::App.config.concurrency * Karafka::App.config.max_messages }
  # A member that was killed is missed after its session. Those that live on have a longer one: what is asked of them
  # must not hang on whether a busy machine lets them say in time that they live.
  let(:classic) { { "session.timeout.ms": 10_000, "heartbeat.interval.ms": 200 } }
  let(:mortal) { strategy.merge(strategy.slice(:"session.timeout.ms").transform_values { 2_000 }) }

  around do |example|
    Dir.mktmpdir do |directory|
      @directory = directory
      KafkaServer::Own.open(brokers: 3, set: { "group.consumer.session.timeout.ms" => 2_000 }) do |kafka|
        @kafka = kafka
        example.run
      end
    end
  end

  def new_journal
    journals << Journal.new(File.join(@directory, "journal-#{journals.size}"))
    journals.last
  end

  def with_member(kafka = strategy, &block)
    ChildProcess.open(:journal, bootstrap: @kafka.bootstrap, topic: topic, group: group, batch_ms: 20,
                                journal: new_journal.path, kafka: kafka, &block)
  end

  # As many messages a second as last for the lives of all that are killed
  def feed_steadily
    slices = kills * life_s * 10
    Feed.open(@kafka.bootstrap) do |feed|
      began = Eventually.now
      (0...slices).each do |slice|
        numbers = (size * slice / slices)...(size * (slice + 1) / slices)
        partitions.times { |number| feed.send(topic, numbers.map(&:to_s), partition: number) }
        rest = began + ((slice + 1) / 10.0) - Eventually.now
        sleep(rest) if rest.positive?
      end
    end
  end

  # It has consumed when it dies: how long it takes to join is the machine's affair
  def live_and_die
    with_member(mortal) do |member|
      member.await(:assigned)
      yield
      death = Eventually.now + life_s
      eventually("its death", within: life_s + 5) { Eventually.now >= death }
      member.kill
    end
  end

  def storm
    lasting = [new_journal]
    IndependentMember.open(independent, lasting.first) do
      with_member do |one|
        lasting << journals.last
        with_member do |other|
          lasting << journals.last
          feeding = nil
          kills.times { live_and_die { feeding ||= Thread.new { feed_steadily } } }
          feeding.join
          eventually("all messages", within: 300) { ledger.complete?(journals) }
          [one, other].each do |member|
            member.signal(:TERM)
            expect(member.await(:stopped, within: 60)[:report]).to include(clean: true)
            complaints << member.complaints
          end
        end
      end
    end
    lasting
  end

  shared_examples "a group in a storm" do
    it "loses nothing, keeps the order, and repeats what a kill leaves uncommitted" do
      began = Eventually.now
      lasting = storm
      repeats = Ledger.repeats(journals)
      killed = journals - lasting
      bounds = killed.to_h { |journal| [journal, journal.count_in_last(1_000) + running_batches] }
      Acceptance.note("#{kills} kills in #{(Eventually.now - began).round} s, #{ledger.count} messages, shares " \
                      "#{lasting.map { |journal| journal.entries.size }} + #{killed.sum { |one| one.entries.size }}: " \
                      "#{repeats.values.sum} repeated, of each kill #{repeats.values_at(*killed).compact} " \
                      "(bounds #{bounds.values}), of the others #{repeats.values_at(*lasting).compact}")
      expect(journals.drop(1).flat_map { |journal| Ledger.disordered(journal) }).to be_empty
      expect(killed.sum { |journal| journal.entries.size }).to be_positive
      expect(killed).to all(satisfy("repeat within its bound") { |journal| repeats[journal] <= bounds[journal] })
      lived = repeats.values_at(*lasting)
      expect(lived).to all(be_zero), -> { "who lived repeated #{lived}, and reported:\n#{complaints.join("\n")}" }
    end
  end

  describe "in a group that revokes all partitions first" do
    let(:strategy) { { "partition.assignment.strategy": "range", **classic } }
    let(:independent) { IndependentMember.kcat(@kafka.bootstrap, topic: topic, group: group, kafka: strategy) }

    it_behaves_like "a group in a storm"
  end

  describe "in a group that moves only what has to (KIP-429)" do
    let(:strategy) { { "partition.assignment.strategy": "cooperative-sticky", **classic } }
    let(:independent) { IndependentMember.kcat(@kafka.bootstrap, topic: topic, group: group, kafka: strategy) }

    it_behaves_like "a group in a storm"
  end

  # kcat's librdkafka is older than that
  describe "in a group of the new protocol (KIP-848)" do
    let(:strategy) { { "group.protocol": "consumer" } }
    let(:independent) { IndependentMember.java(@kafka, topic: topic, group: group, kafka: strategy) }

    it_behaves_like "a group in a storm"
  end
end
