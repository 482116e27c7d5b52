# frozen_string_literal: true

require_relative "support/job_ordeal"
require_relative "support/table"

RSpec.describe "Sidekiq with consumers", timing: true do
  table = Table.new("sidekiq")
  after(:all) { table.save }

  let(:topic) { KafkaServer.create_topic("sidekiq", partitions: 4) }
  let(:environment) do
    { "APP_TOPIC" => topic, "APP_GROUP" => topic, "KAFKA_BOOTSTRAP_SERVERS" => KafkaServer.bootstrap }
  end

  def open_sidekiq(environment: {}, **options)
    RedisServer.open do |redis|
      with = { redis: redis, environment: self.environment.merge(environment), **options }
      JobHost.open(**with) { |host| yield host, redis }
    end
  end

  def feed(count)
    Feed.open(KafkaServer.bootstrap) { |feed| feed.send(topic, Array.new(count, &:to_s)) }
  end

  [%w[TSTP TERM], %w[TERM], %w[INT], %w[KILL]].each do |signals|
    it "loses no message and no job on #{signals.join(" and ")}, and stops wherever it can" do
      messages = Acceptance.size(full: 50_000, short: 2_000)
      ordeal = table.add(JobOrdeal.new(signals, messages: messages).run)
      control = table.add(JobOrdeal.new(signals, messages: messages, consume: "none").run)

      expect(ordeal.to_h).to include(lost: 0, orphans: 0, never_stopped: 0, unclean: 0)
      # Sidekiq keeps a job nowhere while it runs: a kill takes those with it, whoever consumes
      expect(ordeal.lost_jobs).to be <= (signals == ["KILL"] ? JobHost::CONCURRENCY : 0)
      expect(control.lost_jobs).to be <= (signals == ["KILL"] ? JobHost::CONCURRENCY : 0)
    end
  end

  %w[call hooks].each do |consume|
    it "ends within Sidekiq's timeout, by #{consume}, and names the job that has to be abandoned" do
      slow = { "APP_WORK_S" => "600" }
      open_sidekiq(consume: consume, command: JobHost.server(timeout: 4), environment: slow) do |host|
        host.await_running
        feed(40)
        host.await("a job") { host.diaries.lines("taken").any? }
        host.signal("TERM")

        expect(host.wait.exitstatus).to eq(0)
        expect(host.log).to match(%r{abandoned: consume of #{topic}/\d, offsets \d+\.\.\d+, \d+ ms old})
        expect(host.log[/Karafka::Embedded stopped in (\d+) ms/, 1].to_i).to be < 4_000
        expect(host.diaries.states.map(&:name)).to end_with("stopped")
      end
      # Another process has it
      open_sidekiq(consume: consume) { |host| host.await("the messages of the job") { host.diaries.consumed == 40 } }
    end

    it "consumes from its startup on, by #{consume}" do
      open_sidekiq(consume: consume) do |host|
        host.await_running
        feed(40)
        host.await("all messages") { host.diaries.consumed == 40 }
      end
    end
  end

  it "does not boot where consumers can't start" do
    open_sidekiq(environment: { "APP_ROUTES" => "none" }) do |host|
      expect(host.wait).not_to be_success
      expect(host.log).to include("No topics to subscribe to")
      expect(host.jobs_done).to be_empty
    end
  end

  if JobHost.capsules?
    it "consumes beside capsules" do
      open_sidekiq(environment: { "APP_CAPSULES" => "2" }) do |host, redis|
        host.await_running
        feed(40)
        slow = redis.enqueue(5, queue: "slow")
        host.await("jobs and messages") { (slow - host.jobs_done).empty? && host.diaries.consumed == 40 }
        host.signal("TERM")
        expect(host.wait.exitstatus).to eq(0)
        expect(host.diaries.states.map(&:name)).to end_with("stopped")
      end
    end

    it "consumes in a program that embeds Sidekiq" do
      open_sidekiq(command: %w[ruby embedded.rb]) do |host, redis|
        host.await_running
        feed(40)
        jobs = redis.enqueue(5)
        host.await("jobs and messages") { (jobs - host.jobs_done).empty? && host.diaries.consumed == 40 }
        host.signal("TERM")
        expect(host.wait.exitstatus).to eq(0)
        expect(host.diaries.states.map(&:name)).to end_with("stopped")
      end
    end
  end
end
