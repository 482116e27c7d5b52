# frozen_string_literal: true

require "fileutils"
require "tmpdir"

# Rows of the event table that tell of the connection: client.*, rebalance.*, statistics, tokens, errors
RSpec.describe "Events of a connection" do
  let(:topic) { KafkaServer.create_topic("orders", partitions: 3) }
  let(:group) { Karafka::App.routes.first.subscription_groups.first }
  let(:listener) { Karafka::Server.listeners.first }
  let(:ids) do
    { subscription_group_id: group.id, consumer_group_id: group.consumer_group.id, group_id: group.group_id }
  end

  def application(consumer = consumer_class { nil }, kafka: {}, &options)
    setup_embedded(KafkaServer.bootstrap, kafka: { "statistics.interval.ms": 200, **kafka })
    route(topic, consumer, &options)
  end

  it "client.events_poll" do
    application
    events = EventRecorder.new("client.events_poll")
    Karafka::Embedded.start

    payload = events.await("client.events_poll").payload
    expect(payload).to eq(caller: listener.client, subscription_group: group)
    expect(payload[:caller]).to have_attributes(id: /\A\h+\z/, name: /\Aspec#consumer-\d+\z/, assignment_lost?: false)
  end

  it "client.reset" do
    # The group keeps the former member for so long: a client that can't go on can't leave, either
    application(kafka: { "session.timeout.ms": 2_000 })
    events = EventRecorder.new("client.reset", "error.occurred", "connection.listener.stopped")
    start_with({ topic => 3 })
    former = listener.client.name
    Karafka::Embedded.runtime.engine.provoke(:fatal_error)
    event = events.await("client.reset", within: 60)

    expect(event.payload).to include(caller: listener.client, subscription_group: group, time: be_a(Float))
    expect(listener.client.name).to match(/\Aspec#consumer-\d+\z/).and(satisfy { |name| name != former })
    failed = events.await("error.occurred") { |told| told[:type] == "connection.listener.fetch_loop.error" }
    expect(failed.payload).to include(caller: listener, error: have_attributes(fatal?: true), **ids)
    expect(listener).to be_running
    expect(events.of("connection.listener.stopped")).to be_empty
    eventually("partitions again", within: 60) { assigned == { topic => 3 } }
  end

  it "client.pause, client.resume" do
    application(consumer_class { pause(messages.last.offset, 50) })
    events = EventRecorder.new("client.pause", "client.resume")
    start_with({ topic => 3 })
    feed(topic, ["x"], partition: 2)

    place = { caller: listener.client, subscription_group: group, topic: topic, partition: 2 }
    expect(events.await("client.pause").payload).to eq({ **place, offset: 0, timeout: 50 })
    expect(events.await("client.resume").payload).to eq(place)
    eventually("another pause") { events.ids.first(3) == %w[client.pause client.resume client.pause] }
  end

  it "client.pause without an offset, where delivery goes on behind the batch" do
    application(consumer_class { pause(:consecutive, 50) })
    events = EventRecorder.new("client.pause")
    start_with({ topic => 3 })
    feed(topic, ["x"])

    expect(events.await("client.pause").payload).to include(offset: nil, timeout: 50)
  end

  it "rebalance.partitions_assign, assigned, revoke, revoked" do
    application
    events = EventRecorder.new(*%w[assign assigned revoke revoked].map { |step| "rebalance.partitions_#{step}" })
    start_with({ topic => 3 })
    events.await("rebalance.partitions_assigned")
    Karafka::Embedded.stop

    expect(events.ids.map { |id| id[/\w+\z/] })
      .to eq(%w[partitions_assign partitions_assigned partitions_revoke partitions_revoked])
    group_of_both = group.consumer_group
    expect(events.all.map(&:payload)).to all(
      include(caller: listener, subscription_group: group, consumer_group: group_of_both, group: group_of_both,
              client_id: /\Aspec#consumer-\d+\z/, **ids)
    )
    expect(events.all.map { |event| event[:tpl].to_h.transform_values { |list| list.map(&:partition).sort } })
      .to all(eq(topic => [0, 1, 2]))
  end

  it "rebalance.partitions_assign, assigned of a member that gets nothing" do
    single = KafkaServer.create_topic("single")
    sticky = { "partition.assignment.strategy": "cooperative-sticky" }
    setup_embedded(KafkaServer.bootstrap, kafka: sticky)
    route(single, consumer_class { nil })
    events = EventRecorder.new("rebalance.partitions_assign", "rebalance.partitions_assigned")
    journal = File.join(Dir.mktmpdir, "journal")
    ChildProcess.open(:journal, bootstrap: KafkaServer.bootstrap, topic: single, group: group.group_id, batch_ms: 0,
                                journal: journal, kafka: sticky) do |member|
      member.await(:assigned)
      Karafka::Embedded.start
      events.await("rebalance.partitions_assigned")
      expect(events.all.map { |event| event[:tpl].to_h }).to all(eq({}))
      expect(events.ids.first).to eq("rebalance.partitions_assign")
    end
  ensure
    FileUtils.rm_rf(File.dirname(journal)) if journal
  end

  it "statistics.emitted" do
    application
    events = EventRecorder.new("statistics.emitted")
    start_with({ topic => 3 })
    feed(topic, %w[1 2 3], partition: 0)
    partition = ->(event) { event[:statistics].dig("topics", topic, "partitions", "0") }
    event = events.await("statistics.emitted") { |told| partition.call(told)&.fetch("rxmsgs") == 3 }

    expect(event.payload.keys).to contain_exactly(:statistics, *ids.keys)
    expect(event.payload).to include(ids)
    statistics = event[:statistics]
    expect(statistics).to be_frozen
    expect(statistics["name"]).to match(/\Aspec#consumer-\d+\z/)
    expect(statistics["topics"][topic]["partitions"].keys).to contain_exactly("0", "1", "2", "-1")
    expect(statistics["cgrp"]["join_state"]).to eq("steady")
    expect(partition.call(event)).to be_frozen
    expect(partition.call(event)).to include("rxmsgs_d" => 3, "rxmsgs_fd" => 0, "partition_d" => 0, "hi_offset" => 3)
    later = events.await("statistics.emitted") do |told|
      told[:statistics]["rxmsgs"] == 3 && partition.call(told).fetch("rxmsgs_fd") >= 400
    end
    expect(partition.call(later)).to include("rxmsgs" => 3, "rxmsgs_d" => 0)
    expect(partition.call(events.all.find { |told| partition.call(told) })).to include("partition_fd" => 0)
  end

  it "statistics.emitted of a consumer that works, and their inline insights" do
    seen = Queue.new
    application(consumer_class do
      Eventually.eventually("insights") { insights? }
      seen << insights
    end) { inline_insights true }
    start_with({ topic => 3 })
    feed(topic, ["x"], partition: 1)

    insights = eventually("insights") { seen.pop unless seen.empty? }
    expect(insights).to be_frozen.and include("partition" => 1, "fetch_state" => a_kind_of(String))
    expect(errors).to be_empty
  end

  it "oauthbearer.token_refresh" do
    application(kafka: { "security.protocol": "sasl_plaintext", "sasl.mechanisms": "OAUTHBEARER" })
    answers = Queue.new
    Karafka.monitor.subscribe("oauthbearer.token_refresh") do |event|
      refused = event[:bearer].oauthbearer_set_token_failure("not yet")
      lifetime = (Time.now.to_i + 60) * 1_000
      set = event[:bearer].oauthbearer_set_token(token: "t0ken", lifetime_ms: lifetime, principal_name: "orders",
                                                 extensions: { "tenant" => "a" })
      answers << [event.payload.keys, event[:caller], refused, set]
    end
    Karafka::Embedded.start

    expect(eventually("answer") { answers.pop unless answers.empty? })
      .to eq([%i[caller bearer], listener, 0, 0])
  end

  it "oauthbearer.token_refresh for config.oauth.token_provider_listener" do
    provider = Class.new do
      def asked = @asked ||= Queue.new
      def on_oauthbearer_token_refresh(event) = asked << event.id
    end.new
    setup_embedded(KafkaServer.bootstrap, kafka: { "security.protocol": "sasl_plaintext",
                                                   "sasl.mechanisms": "OAUTHBEARER" }) do |config|
      config.oauth.token_provider_listener = provider
    end
    route(topic, consumer_class { nil })
    Karafka::Embedded.start

    expect(eventually("question") { provider.asked.pop unless provider.asked.empty? })
      .to eq("oauthbearer.token_refresh")
  end

  it "error.occurred, librdkafka.error" do
    setup_embedded("127.0.0.1:1")
    route(topic, consumer_class { nil })
    events = EventRecorder.new("error.occurred")
    Karafka::Embedded.start

    event = events.await("error.occurred") { |told| told[:type] == "librdkafka.error" }
    expect(event.payload.keys).to contain_exactly(:caller, :error, :type, *ids.keys)
    expect(event.payload).to include(ids)
    expect(event[:error]).to be_a(Rdkafka::RdkafkaError)
    expect(event[:error].code).to be_a(Symbol)
  end

  it "error.occurred, connection.client.poll.error" do
    application(kafka: { "auto.offset.reset": "error" })
    events = EventRecorder.new("error.occurred")
    Karafka::Embedded.start

    event = events.await("error.occurred") { |told| told[:type] == "connection.client.poll.error" }
    expect(event.payload).to include(error: have_attributes(code: :auto_offset_reset), **ids)
  end

  it "error.occurred, callbacks.statistics.error" do
    application
    Karafka.monitor.subscribe("statistics.emitted") { raise "subscriber" }
    events = EventRecorder.new("error.occurred")
    start_with({ topic => 3 })

    told = events.await("error.occurred") { |event| event[:type] == "callbacks.statistics.error" }
    expect(told.payload.keys).to contain_exactly(:caller, :error, :type, *ids.keys)
    expect(told.payload).to include(error: have_attributes(message: "subscriber"), **ids)
    expect(Karafka::Embedded).to be_running
  end

  steps = %w[assign assigned revoke revoked]
  it "error.occurred, callbacks.rebalance.partitions_{assign,assigned,revoke,revoked}.error" do
    application
    steps.each { |step| Karafka.monitor.subscribe("rebalance.partitions_#{step}") { raise step } }
    events = EventRecorder.new("error.occurred")
    expected = ids
    start_with({ topic => 3 })
    expect(Karafka::Embedded.stop).to be_clean

    steps.each do |step|
      type = "callbacks.rebalance.partitions_#{step}.error"
      told = events.await("error.occurred") { |event| event[:type] == type }
      expect(told.payload.keys).to contain_exactly(:caller, :error, :type, :client_id, *expected.keys)
      expect(told.payload).to include(
        error: have_attributes(message: step), client_id: /\Aspec#consumer-\d+\z/, **expected
      )
    end
  end
end
