# frozen_string_literal: true

require "json"
require "net/http"
require_relative "support/job_host"
require_relative "support/redis_server"
require_relative "support/web_host"

RSpec.describe "Health in a real host", timing: true do
  let(:topic) { KafkaServer.create_topic("health", partitions: 4) }
  let(:environment) do
    { "APP_TOPIC" => topic, "APP_GROUP" => topic, "KAFKA_BOOTSTRAP_SERVERS" => KafkaServer.bootstrap }
  end

  # @return [Array(String, Hash), nil] code and body; nil where nobody answers
  def status(port, path)
    answer = Net::HTTP.get_response("127.0.0.1", path, port)
    [answer.code, JSON.parse(answer.body)]
  rescue SystemCallError, IOError
    nil
  end

  it "is told by each worker of a Puma cluster, of itself" do
    WebHost.open("cluster", environment: environment) do |web|
      web.await_running
      told = {}
      web.await("both workers") do
        code, health = status(web.port, "/health/status")
        told[health["process_id"]] = [code, health["state"], health["groups"].first["connected"]]
        told.size == 2 && told.values.all?(["200", "running", true])
      end
      expect(told.keys).to match_array(web.workers)
    end
  end

  it "is told by Sidekiq on a port of its own, until it ends" do
    port = HostProcess.free_port
    RedisServer.open do |redis|
      with = environment.merge("KARAFKA_EMBEDDED_HEALTH_ADDRESS" => port.to_s)
      JobHost.open(redis: redis, consume: "call", environment: with) do |host|
        host.await_running
        host.await("health") { status(port, "/status")&.first == "200" }
        expect(status(port, "/status/live")).to match(["200", include("state" => "running")])
        host.signal("TERM")
        expect(host.wait.exitstatus).to eq(0)
        expect(status(port, "/status")).to be_nil
      end
    end
  end
end
