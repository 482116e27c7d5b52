# frozen_string_literal: true

require_relative "flow"
require_relative "job_host"

# Signals to a Sidekiq while messages flow and jobs run, and what came of it
class JobOrdeal
  PARTITIONS = 4
  REST_S = 90
  JOBS = 100
  private_constant :PARTITIONS, :REST_S, :JOBS

  # @return [Integer] messages that were sent
  attr_reader :sent
  # @return [Array<Integer>] processes that outlived it
  attr_reader :orphans
  # @return [Integer] jobs that nobody did or will do
  attr_reader :lost_jobs

  # @param signals [Array<String>]
  # @param messages [Integer]
  # @param consume [String] "none" for the control
  def initialize(signals, messages:, consume: "call")
    @signals = signals
    @messages = messages
    @consume = consume
    @topic = KafkaServer.create_topic("job-ordeal", partitions: PARTITIONS)
    @environment = { "APP_TOPIC" => @topic, "APP_GROUP" => @topic, "KAFKA_BOOTSTRAP_SERVERS" => KafkaServer.bootstrap }
  end

  # @return [self]
  def run
    RedisServer.open do |redis|
      Dir.mktmpdir("ordeal") do |directory|
        @jobs = redis.enqueue(JOBS)
        JobHost.open(**options(redis, directory)) { |host| undergo(host, redis) }
        finish(redis, directory)
      end
    end
    self
  end

  # @return [Hash{Symbol => Object}] a row of the table
  def to_h
    {
      host: "sidekiq", signal: @signals.join("+"), consume: @consume, jobs: @jobs.size, lost_jobs: lost_jobs,
      repeated_jobs: @repeated_jobs, orphans: orphans.size, ended_in_ms: @ended_in_ms,
      **(consumes? ? messages_h : {})
    }
  end

  private

  def messages_h
    {
      messages: sent, lost: @diaries.lost(sent), repeated: @diaries.repeated,
      never_stopped: @said_stopped || @signals == ["KILL"] ? 0 : 1, unclean: @reports.grep_v(/, 0 abandoned$/).size,
      quiet: @quiet
    }
  end

  def consumes?
    @consume != "none"
  end

  def options(redis, directory)
    { redis: redis, directory: directory, consume: @consume, environment: @environment }
  end

  def undergo(host, redis)
    host.await_running(consumes: consumes?)
    flow = Flow.new(KafkaServer.bootstrap, @topic, @messages, partitions: PARTITIONS) if consumes?
    host.await("jobs done") { host.jobs_done.size > 20 }
    host.await("messages consumed") { host.diaries.consumed >= @messages / 5 } if consumes?
    keep_busy(host, redis)
    strike(host)
    @sent = flow.finish if flow
    @said_stopped = host.diaries.states.map(&:name).last == "stopped"
    @reports = host.log.scan(/Karafka::Embedded stopped.*/)
  end

  # Whatever it took until now: jobs run when it is struck, and others wait
  def keep_busy(host, redis)
    more = redis.enqueue(JOBS)
    @jobs.concat(more)
    host.await("a job of the last") { (more & host.jobs_done).any? }
  end

  def strike(host)
    *first, last = @signals
    first.each { |signal| quiet(host, signal) }
    struck_at = Eventually.now
    host.signal(last)
    host.wait
    @ended_in_ms = ((Eventually.now - struck_at) * 1_000).round
    @orphans = host.members
  end

  # Jobs that run end, others do not begin; messages likewise
  def quiet(host, signal)
    host.signal(signal)
    return unless consumes?

    host.await("quiet consumers") { host.diaries.states.map(&:name).include?("quiet") }
    @quiet = true
  end

  # What ended left something for the next one
  def finish(redis, directory)
    JobHost.open(**options(redis, directory)) do |host|
      host.await("the rest consumed", within: REST_S) { host.diaries.consumed >= sent } if consumes?
      host.await("jobs done that are left") { redis.waiting.zero? }
      host.signal("TERM")
      host.wait
      @diaries = host.diaries.tap(&:entries)
      # Sidekiq gives back what it has taken and not begun when it ends
      @lost_jobs = (@jobs - host.jobs_done).size - redis.waiting
      @repeated_jobs = host.jobs_done.size - host.jobs_done.uniq.size
    end
  end
end
