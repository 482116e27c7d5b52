# frozen_string_literal: true

# A broker that refuses commits (rule O9): the mock cluster does, where a real one can't be made to.
RSpec.describe "A commit that is waited for" do
  let(:broker) { Karafka::Embedded::Broker.start(topics: { topic => 1 }) }
  let(:topic) { "orders" }
  let(:answers) { Queue.new }

  # How often a commit is sent at most
  tries = 4

  after do
    Karafka::Embedded.stop(timeout: 3_000)
    broker.stop
  end

  # @param refusals [Array<Integer>] Kafka's codes, one for each commit
  def commit_against(refusals)
    # Nothing else commits: each refusal meets the commit that is looked at.
    setup_embedded(broker.bootstrap_servers, kafka: { "enable.auto.commit": false })
    answers = self.answers
    refuse = -> { broker.native.request_errors(:offset_commit, refusals) }
    route(topic, consumer_class do
      refuse.call
      answers << mark_as_consumed!(messages.last)
    rescue StandardError => e
      answers << e
      refuse.call
    end) { manual_offset_management true }
    start_with({ topic => 1 })
    feed(topic, %w[1])
    eventually("an answer") { !answers.empty? }
    answers.pop
  end

  {
    "the broker is still loading the group (14)" => 14, "another broker is the coordinator now (16)" => 16,
    "the request timed out (7)" => 7
  }.each do |why, code|
    it "is sent again where #{why}" do
      expect(commit_against([code] * (tries - 1))).to be(true)
    end
  end

  it "raises what the broker said when it was sent as often as it may be" do
    expect(commit_against([28] * tries * 3))
      .to be_a(Rdkafka::RdkafkaError).and have_attributes(code: :invalid_commit_offset_size)
  end

  { 22 => "another generation of the group has begun", 25 => "the group does not know the member" }.each do |code, why|
    it "is false, and not sent again, where #{why} (#{code})" do
      expect(commit_against([code])).to be(false)
    end
  end
end

# What is marked, and committed at some time
RSpec.describe "A commit that is not waited for" do
  let(:broker) { Karafka::Embedded::Broker.start(topics: { topic => 1 }) }
  let(:topic) { "orders" }

  after do
    Karafka::Embedded.stop(timeout: 3_000)
    broker.stop
  end

  def group = Karafka::App.config.group_id
  def committed = KafkaServer.committed(group, topic, 0, servers: broker.bootstrap_servers)

  it "is made though a former assignment committed an offset that the log does not have" do
    setup_embedded(broker.bootstrap_servers)
    KafkaServer.wire(broker.bootstrap_servers) { |wire| wire.commit(group, topic, 0, 1_000) }
    route(topic, consumer_class { nil })
    feed(topic, %w[1 2 3], partition: 0)
    start_with({ topic => 1 })

    eventually("a commit") { committed == 3 }
  end

  it "is sent again where it goes back and was refused" do
    setup_embedded(broker.bootstrap_servers)
    refuse = -> { broker.native.request_errors(:offset_commit, [27]) }
    gone_back = false
    route(topic, consumer_class do
      # However many batches they come in: nothing of what comes again is marked but the first
      next messages.first.offset.zero? && mark_as_consumed(messages.first) if gone_back
      next unless messages.last.offset == 2

      mark_as_consumed!(messages.last)
      refuse.call
      gone_back = true
      seek(0)
    end) { manual_offset_management true }
    feed(topic, %w[1 2 3], partition: 0)
    start_with({ topic => 1 })

    eventually("the commit") { gone_back && committed == 1 }
    expect(errors).to be_empty
  end
end
