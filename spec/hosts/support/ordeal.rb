# frozen_string_literal: true

require_relative "customers"
require_relative "flow"
require_relative "web_host"

# A signal to a Puma while messages flow and requests are answered, and what came of it
class Ordeal
  PARTITIONS = 4
  REST_S = 90
  # It is struck when one of so many messages has been consumed
  PART = 5
  private_constant :PARTITIONS, :REST_S, :PART

  # What may be sent, to whom, and what follows
  SIGNALS = {
    "TERM" => :ends, "INT" => :ends, "HUP" => :ends, "USR1" => :restarts, "USR2" => :restarts, "URG" => :restarts,
    "KILL of worker 0" => :replaces, "KILL of worker 1" => :replaces, "KILL of master" => :ends
  }.freeze

  # @param mode [String] of WebHost
  # @param signal [String] key of SIGNALS
  # @param messages [Integer]
  # @param consume [String] "none" for the control
  def initialize(mode, signal, messages:, consume: "plugin")
    @mode = mode
    @signal = signal
    @messages = messages
    @consume = consume
    @topic = KafkaServer.create_topic("ordeal", partitions: PARTITIONS)
    @environment = { "APP_TOPIC" => @topic, "APP_GROUP" => @topic, "KAFKA_BOOTSTRAP_SERVERS" => KafkaServer.bootstrap }
  end

  # @return [Diaries] of all processes
  attr_reader :diaries
  # @return [Customers]
  attr_reader :customers
  # @return [Integer] messages that were sent, those of requests included
  attr_reader :sent
  # @return [Array<Integer>] processes of the host that outlived it
  attr_reader :orphans
  # @return [Array<Integer>] processes that were given no chance to say anything
  attr_reader :killed
  # @return [Integer, nil] ms until somebody else had all partitions of the killed
  attr_reader :takeover_ms
  # @return [Array<String>] how consumers said that they have stopped
  attr_reader :reports

  # @return [self]
  def run
    Dir.mktmpdir("ordeal") do |directory|
      @diaries = Diaries.new(directory)
      WebHost.open(@mode, consume: @consume, directory: directory, environment: @environment) { |web| undergo(web) }
      consume_the_rest(directory) if consumes?
      @states = @diaries.states
      @begun = @diaries.begun
    end
    self
  end

  # @return [Set<String>] requests that were taken, and not answered
  def failed
    @begun - customers.answered
  end

  # @return [Array<Integer>] processes that consumed, were not killed, and never said that they have stopped
  def never_stopped
    ran = @states.select { |state| state.name == "running" }.map(&:pid).uniq
    ran.reject { |pid| killed.include?(pid) || @states.select { |state| state.pid == pid }.last.name == "stopped" }
  end

  # @return [Hash{Symbol => Object}] a row of the table
  def to_h
    {
      mode: @mode, signal: @signal, consume: @consume, answered: customers.answered.size, failed: failed.size,
      turned_away: customers.turned_away.values.sum, wrong: customers.wrong.size, orphans: orphans.size,
      **(consumes? ? messages_h : {})
    }
  end

  private

  def messages_h
    {
      messages: sent, lost: diaries.lost(sent), repeated: diaries.repeated,
      never_stopped: never_stopped.size, longest_stop_ms: reports.map { |report| report[/in (\d+) ms/, 1].to_i }.max,
      unclean: reports.grep_v(/, 0 abandoned$/).size, takeover_ms: takeover_ms
    }
  end

  def consumes?
    @consume != "none"
  end

  def undergo(web)
    web.await_running
    flow = Flow.new(KafkaServer.bootstrap, @topic, @messages, partitions: PARTITIONS) if consumes?
    @customers = Customers.new(web.port)
    await_flow(web)
    strike(web)
    follow(web)
    customers.leave
    @sent = flow.finish + customers.orders if flow
    end_well(web)
  end

  # All are busy: each process consumes, and requests were answered
  def await_flow(web)
    web.await("requests answered") { customers.answered.size > 50 }
    return unless consumes?

    web.await("messages consumed by all") { (web.consuming - diaries.entries.map(&:pid)).empty? }
    web.await("a part of all messages") { diaries.consumed >= @messages / PART }
  end

  def strike(web)
    @before = web.consuming
    @killed = []
    @marks = { starts: web.log.scan("Puma starting").size, states: diaries.states.size, workers: web.workers }
    @struck_at = Process.clock_gettime(Process::CLOCK_MONOTONIC, :millisecond)
    @signal.start_with?("KILL") ? strike_dead(web) : web.signal(@signal)
  end

  def strike_dead(web)
    # Workers of a master that is killed notice it, and end at once
    @killed = @signal == "KILL of master" ? [web.pid, *@marks[:workers]] : [@marks[:workers].fetch(@signal[/\d/].to_i)]
    web.signal("KILL", to: @killed.first)
  end

  def follow(web)
    case SIGNALS.fetch(@signal)
    when :ends then web.await("the end of all processes") { web.ended? && web.members.empty? }
    when :restarts then web.await("other processes, which consume") { restarted?(web) }
    when :replaces
      web.await("another worker") { (web.workers - @killed).size == @marks[:workers].size }
      web.await_running
      await_takeover(web) if consumes?
    end
  end

  def restarted?(web)
    return false unless web.serving?

    if consumes?
      # In the same process or in others, all have consumed again after they had stopped
      states = diaries.states.drop(@marks[:states]).map(&:name)
      states.count("stopped") >= 1 && states.count("running") >= @before.size && web.consuming.size == @before.size
    else
      web.log.scan("Puma starting").size > @marks[:starts] || (web.workers - @marks[:workers]).any?
    end
  end

  def await_takeover(web)
    lost = numbers_of(@killed)
    web.await("all partitions in other hands") { (lost - taken.keys).empty? }
    @takeover_ms = lost.map { |number| taken.fetch(number) - @struck_at }.max
  end

  # Partitions that a process consumed last before the signal
  def numbers_of(pids)
    before = diaries.entries.select { |entry| entry.at_ms <= @struck_at }
    before.group_by(&:number).select { |_, list| pids.include?(list.max_by(&:at_ms).pid) }.keys
  end

  def taken
    after = diaries.entries.select { |entry| entry.at_ms > @struck_at && !@killed.include?(entry.pid) }
    after.group_by(&:number).transform_values { |list| list.map(&:at_ms).min }
  end

  # What still runs has nothing more to suffer
  def end_well(web)
    unless web.ended?
      web.await("the rest consumed", within: REST_S) { diaries.consumed >= sent } if consumes?
      web.signal("TERM")
    end
    web.wait
    Eventually.eventually("the end of all its processes") { web.members.empty? }
  rescue Eventually::Late
    nil
  ensure
    @orphans = web.members
    @reports = web.log.scan(/Karafka::Embedded stopped.*/)
  end

  # What ended left something for the next one
  def consume_the_rest(directory)
    return if diaries.missing.empty? && diaries.consumed >= sent

    WebHost.open("single", directory: directory, environment: @environment) do |web|
      web.await("the rest consumed by the next one", within: REST_S) { diaries.consumed >= sent }
      await_takeover(web) if @killed.any?
      web.signal("TERM")
      web.wait
    end
  end
end
