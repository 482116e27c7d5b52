# frozen_string_literal: true

require "fileutils"
require_relative "support/diaries"
require_relative "support/host_process"
require_relative "support/job_host"
require_relative "support/passenger_host"
require_relative "support/web_host"

RSpec.describe "Any program with consumers", timing: true do
  let(:topic) { KafkaServer.create_topic("program", partitions: 4) }
  let(:environment) do
    { "APP_TOPIC" => topic, "APP_GROUP" => topic, "KAFKA_BOOTSTRAP_SERVERS" => KafkaServer.bootstrap }
  end

  around { |example| Dir.mktmpdir("program") { |directory| (@directory = directory) && example.run } }

  def diaries
    @diaries ||= Diaries.new(@directory)
  end

  def states
    diaries.states.map(&:name)
  end

  def run(*command, &block)
    HostProcess.open(command, app: "program", directory: @directory, environment: environment, &block)
  end

  def run_program(kind, &block)
    run("ruby", "program.rb", kind, &block)
  end

  def feed(*payloads)
    Feed.open(KafkaServer.bootstrap) { |feed| feed.send(topic, payloads) }
  end

  def done
    FileUtils.touch(File.join(@directory, "done"))
  end

  def consume(host, count = 40)
    feed(*Array.new(count, &:to_s))
    host.await("all messages") { diaries.consumed == count }
  end

  { "block" => 0, "failing block" => 1, "until exit" => 0 }.each do |kind, code|
    it "consumes, and stops with the program's end: #{kind}" do
      run_program(kind) do |host|
        consume(host)
        done

        expect(host.wait.exitstatus).to eq(code)
        expect(states).to eq(%w[running stopped])
      end
    end

    { "TERM" => 15, "INT" => 2 }.each do |signal, number|
      it "stops on #{signal}, and ends as the signal says: #{kind}" do
        run_program(kind) do |host|
          consume(host)
          host.signal(signal)

          expect(host.wait.termsig).to eq(number)
          expect(states).to eq(%w[running stopped])
        end
      end
    end
  end

  it "consumes in the workers of a server that forks, and produces there as in its master" do
    run_program("forking server") do |host|
      host.await("two workers") { diaries.running.size == 2 }
      host.await("three messages") { diaries.consumed == 3 }
      host.signal("TERM")

      expect(host.wait.exitstatus).to eq(0)
      expect(states.tally).to eq("running" => 2, "stopped" => 2)
    end
  end

  ["daemon", "daemon that consumed"].each do |kind|
    it "consumes in a #{kind}" do
      run_program(kind) do |host|
        feed("1")
        eventually("a daemon that consumes") { host.ended? && diaries.running.any? { |pid| pid != host.pid } }
        daemon = diaries.running.find { |pid| pid != host.pid }
        eventually("the message") { diaries.consumed == 1 }
        done
        eventually("its end") { diaries.states.select { |state| state.pid == daemon }.last.name == "stopped" }
        # The process that it came of is not there any more, and what it had is not the daemon's
        expect(diaries.lines("hooks").map(&:last)).to eq(kind == "daemon" ? [] : ["stopped"])
      end
    end
  end

  it "consumes again in the program that takes the place of this one" do
    run_program("exec") do |host|
      feed("1")
      host.await("the other program") { states == %w[running stopped running] }
      done
      host.wait
      expect(states).to eq(%w[running stopped running stopped])
    end
  end

  it "does nothing in a console" do
    script = File.join(@directory, "session")
    File.write(script, "require '../karafka'\np [Karafka::Embedded.run_until_exit, Karafka::Embedded.state]\n")
    run("irb", "--noecho", script) do |host|
      host.wait
      expect(host.log).to include("[nil, :stopped]")
      expect(states).to be_empty
    end
  end

  it "does nothing in a rake task unless it asks" do
    run("rake", "wait") { |host| expect(host.wait.exitstatus).to eq(0) }
    expect(diaries.lines("hooks").map(&:last)).to eq(["stopped"])

    feed("1")
    run("rake", "consume") { |host| expect(host.wait.exitstatus).to eq(0) }
    expect(states).to eq(%w[running stopped])
  end

  # What a crash policy asks for, and anybody who finds that the process should not go on
  describe "that has its host stopped" do
    it "ends like on a signal" do
      run_program("until exit") do |host|
        feed("end the host")
        expect(host.wait.termsig).to eq(15)
        expect(states).to eq(%w[running stopped])
      end
    end

    it "has Puma put another worker in its place" do
      WebHost.open("cluster", environment: environment) do |host|
        before = host.await_running.workers
        feed("end the host")
        host.await("another worker") { (host.workers - before).size == 1 && host.consuming.size == 2 }
        expect(host.log.scan(/Karafka::Embedded stopped.*, 0 abandoned$/).size).to eq(1)
      end
    end

    it "ends Puma's single mode" do
      WebHost.open("single", environment: environment) do |host|
        host.await_running
        feed("end the host")
        host.wait
        expect(host.diaries.states.map(&:name)).to eq(%w[running stopped])
      end
    end

    it "ends Sidekiq" do
      RedisServer.open do |redis|
        JobHost.open(redis: redis, environment: environment) do |host|
          host.await_running
          feed("end the host")
          expect(host.wait.exitstatus).to eq(0)
          # Sidekiq asks for quiet first; it may ask for the end before that is reached.
          expect(host.diaries.states.map(&:name) - %w[quiet]).to eq(%w[running stopped])
        end
      end
    end

    it "has Passenger put another process in its place" do
      PassengerHost.open("smart", environment: environment.merge("APP_CONSUME" => "passenger")) do |host|
        before = host.await_running.consuming
        feed("end the host")
        host.await("another process") do
          host.get("/") && (host.consuming - before).size == 1 && host.consuming.size == 2
        end
        expect(host.log.scan(/Karafka::Embedded stopped.*, 0 abandoned$/).size).to eq(1)
      end
    end
  end
end
