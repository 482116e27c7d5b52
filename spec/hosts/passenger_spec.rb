# frozen_string_literal: true

require_relative "support/flow"
require_relative "support/passenger_host"
require_relative "support/table"

RSpec.describe "Passenger with consumers", timing: true do
  table = Table.new("passenger")
  after(:all) { table.save }

  let(:topic) { KafkaServer.create_topic("passenger", partitions: 4) }
  let(:messages) { Acceptance.size(full: 50_000, short: 2_000) }
  let(:environment) do
    { "APP_TOPIC" => topic, "APP_GROUP" => topic, "APP_CONSUME" => "passenger",
      "KAFKA_BOOTSTRAP_SERVERS" => KafkaServer.bootstrap }
  end

  def restart(host)
    before = host.consuming
    host.restart
    host.await_others(before, PassengerHost::PROCESSES)
    host.await_serving
  end

  { "smart" => true, "direct" => false }.each do |spawning, forked|
    it "consumes through start, restart and stop, spawned in the #{spawning} way" do
      PassengerHost.open(spawning, environment: environment) do |host|
        host.await_running
        expect(host.preloader?).to be(forked)
        flow = Flow.new(KafkaServer.bootstrap, topic, messages, partitions: 4)
        host.await("messages consumed by all") { (host.consuming - host.diaries.entries.map(&:pid)).empty? }
        restart(host)
        sent = flow.finish
        host.await("the rest consumed", within: 90) { host.diaries.consumed >= sent }
        host.signal("TERM")
        host.wait
        Eventually.eventually("the end of all its processes") { host.members.empty? }

        row = { host: "passenger", spawning: spawning, **host.outcome(sent) }
        table.add(row)
        expect(row).to include(lost: 0, repeated: 0, processes: 4, never_stopped: 0, orphans: 0, unclean: 0)
      end
    end
  end

  it "ends within Passenger's patience, and names the job that has to be abandoned" do
    PassengerHost.open("smart", environment: environment.merge("APP_WORK_S" => "600")) do |host|
      host.await_running
      Feed.open(KafkaServer.bootstrap) { |feed| feed.send(topic, Array.new(40, &:to_s)) }
      host.await("a job") { host.diaries.lines("taken").any? }
      host.signal("TERM")
      host.wait
      Eventually.eventually("the end of all its processes", within: 60) { host.members.empty? }

      expect(host.log).to match(%r{abandoned: consume of #{topic}/\d, offsets \d+\.\.\d+, \d+ ms old})
      expect(host.log).not_to include("forcefully shutting down")
      expect(host.diaries.states.map(&:name).tally.values_at("running", "stopped").uniq.size).to eq(1)
    end
  end

  it "does not serve where consumers can't start, and says why" do
    PassengerHost.open("smart", environment: environment.merge("APP_ROUTES" => "none")) do |host|
      host.await("an answer") { host.get("/") }

      expect(host.get("/").code).to eq("500")
      # Passenger may miss the last words of one that ends so soon, but not those of all
      host.await("the reason") { host.get("/") && host.log.include?("No topics to subscribe to") }
    end
  end

  it "leaves other servers alone" do
    expect(Karafka::Embedded.passenger).to be(false)
  end
end
