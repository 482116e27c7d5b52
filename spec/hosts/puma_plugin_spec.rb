# frozen_string_literal: true

require_relative "support/web_host"

RSpec.describe "plugin :karafka_embedded", timing: true do
  let(:topic) { KafkaServer.create_topic("plugin", partitions: 4) }
  let(:environment) do
    { "APP_TOPIC" => topic, "APP_GROUP" => topic, "KAFKA_BOOTSTRAP_SERVERS" => KafkaServer.bootstrap }
  end

  def open_web(mode, consume: "plugin", **more, &block)
    more = more.transform_keys(&:to_s)
    WebHost.open(mode, consume: consume, environment: environment.merge(more), &block)
  end

  def feed(count)
    Feed.open(KafkaServer.bootstrap) { |feed| feed.send(topic, Array.new(count, &:to_s)) }
  end

  def stop_while_busy(web)
    web.await_running
    feed(40)
    web.await("a job") { web.diaries.lines("taken").any? }
    web.signal("TERM")
    web.wait

    expect(web.log).to match(%r{abandoned: consume of #{topic}/\d, offsets \d+\.\.\d+, \d+ ms old})
    expect(web.log.scan(/Karafka::Embedded stopped in (\d+) ms/).flatten.map(&:to_i)).to all(be < 4_000)
    # A process that is killed says nothing more
    expect(web.diaries.states.map(&:name).tally.values_at("running", "stopped").uniq.size).to eq(1)
  end

  WebHost::MODES.each_key do |mode|
    context "in mode #{mode}" do
      it "warns of nothing, and starts no thread before a fork" do
        open_web(mode) do |web|
          web.await_running
          expect(web.log).not_to match(/WARN|warning/i)
        end
      end

      it "ends a process that can't consume, before it answers a request" do
        open_web(mode, APP_ROUTES: "none", KARAFKA_BOOT_FILE: "false") do |web|
          web.await("the last of what it says") { web.log.include?("This process ends") }

          expect(web.log).to include("Karafka's consumers can't start").and include("No topics to subscribe to")
          expect(web.diaries.begun).to be_empty
          # A worker is replaced by one that ends likewise, unless its master could know before
          expect(web.wait.exitstatus).to eq(1) if %w[single cluster].include?(mode)
        end
      end

      it "serves without consumers where it is told to, and says so" do
        open_web(mode, APP_ROUTES: "none", KARAFKA_BOOT_FILE: "false", APP_BOOT_FAILURE: "report") do |web|
          web.await("an answer") { web.serving? }

          expect(web.log).to include("No topics to subscribe to")
          expect(web.get("/state?1").body).to eq("stopped")
        end
      end

      it "ends within Puma's patience, and names the job that has to be abandoned" do
        open_web(mode, APP_WORK_S: "600", APP_SHUTDOWN_TIMEOUT: "4") { |web| stop_while_busy(web) }
        # Another process has it
        open_web("single") { |web| web.await("the messages of the job") { web.diaries.consumed == 40 } }
      end
    end
  end

  it "leaves the old workers at work where a phased restart brings consumers that can't start" do
    open_web("cluster without preloading") do |web|
      web.await_running
      former = web.workers
      File.write("#{web.directory}/broken", "")
      web.signal("USR1")
      web.await("some tries") { web.log.scan("This process ends").size >= 3 }

      expect(web.log).to include("NowhereConsumer")
      expect((web.workers & former).size).to eq(1)
      expect(web).to be_serving
    end
  end

  it "heeds a signal that comes while consumers start" do
    open_web("single", APP_START_S: "1") do |web|
      web.await("the start") { web.diaries.states.any? }
      web.signal("INT")

      expect(web.wait.exitstatus).to eq(0)
      expect(web.diaries.states.map(&:name)).to eq(%w[running stopped])
    end
  end

  # Workers that are forked of one that has served inherit its connections
  it "produces in the processes of a refork, as before it" do
    open_web("cluster with fork_worker") do |web|
      web.await_running
      20.times { |n| expect(web.get("/orders?before-#{n}").code).to eq("200") }
      before = web.workers
      web.signal("URG")
      web.await("another second worker") { web.workers.size == 2 && web.workers.last != before.last }
      web.await_running

      20.times { |n| expect(web.get("/orders?after-#{n}").code).to eq("200") }
      web.await("all orders") { web.diaries.consumed >= 40 }
      expect(web.diaries.entries.map(&:pid).uniq & web.workers).not_to be_empty
    end
  end

  it "minds the hooks that an application has written by hand" do
    open_web("cluster", consume: "hooks") do |web|
      web.await_running
      feed(40)
      web.await("all messages") { web.diaries.consumed == 40 }
      web.signal("TERM")
      web.wait

      expect(web.log.scan(/Karafka::Embedded stopped in \d+ ms, 0 jobs drained, 0 abandoned$/).size).to eq(2)
    end
  end

  it "knows Puma's patience in hooks that were written by hand" do
    open_web("cluster", consume: "hooks", APP_WORK_S: "600", APP_SHUTDOWN_TIMEOUT: "4") { |web| stop_while_busy(web) }
  end

  it "does not take the server of pumactl for the one that serves" do
    open_web("single", APP_CONTROL: "1") do |web|
      web.await_running
      system("pumactl", "--control-url", "unix://#{web.directory}/control.sock", "--control-token", "none", "stop",
             out: File::NULL)

      expect(web.wait.exitstatus).to eq(0)
      expect(web.diaries.states.map(&:name)).to eq(%w[running stopped])
    end
  end

  it "leaves a signal handler the pipe that it writes to" do
    %w[single cluster].each do |mode|
      open_web(mode, APP_SLOW_SIGNALS: "1") do |web|
        web.await_running
        web.signal("TERM")
        web.wait

        # The first word of each process: Puma may tell a server again that is ending
        expect(web.diaries.lines("pipe").uniq(&:first).map(&:last).uniq).to eq(%w[open])
      end
    end
  end

  it "loads the routes where the application has not" do
    open_web("cluster without preloading", APP_LOADS: "nothing", KARAFKA_BOOT_FILE: "../karafka.rb") do |web|
      web.await_running
      feed(40)
      web.await("all messages") { web.diaries.consumed == 40 }
    end
  end

  it "refuses an option that it does not know" do
    open_web("single", APP_BOOT_FAILURE: "ignore") do |web|
      expect(web.wait.exitstatus).to eq(1)
      expect(web.log).to include("boot_failure is :exit or :report, not :ignore")
    end
  end
end
