# frozen_string_literal: true

require "json"
require "karafka/instrumentation/vendors/kubernetes/liveness_listener"
require "net/http"
require "socket"

RSpec.describe Karafka::Instrumentation::Vendors::Kubernetes::LivenessListener do
  let(:ttls) { {} }
  let(:listener) { described_class.new(hostname: "127.0.0.1", port: 0, **ttls) }
  let(:connection) { Struct.new(:id, :subscription_group).new("l1", Struct.new(:id).new("g")) }

  before do
    setup_app
    Karafka.monitor.subscribe(listener)
    Karafka::App.run!
  end

  after { listener.on_app_stopped(nil) }

  def emit(event, **payload)
    Karafka.monitor.instrument(event, payload)
  end

  def probe
    response = Net::HTTP.get_response("127.0.0.1", "/", listener.port)
    [response.code.to_i, JSON.parse(response.body, symbolize_names: true)]
  end

  def problem
    probe.last[:errors].select { |_, value| value }
  end

  def report(error, type: "librdkafka.error")
    emit("error.occurred", type: type, error: error, caller: nil)
  end

  it "says that all is well" do
    emit("connection.listener.fetch_loop", caller: connection)
    emit("consumer.consume", caller: nil)
    code, body = probe

    expect(code).to eq(200)
    expect(body).to include(status: "healthy", port: listener.port, process_id: Process.pid,
                            timestamp: a_kind_of(Integer))
    expect(body[:errors]).to eq(polling_ttl_exceeded: false, consumption_ttl_exceeded: false,
                                stability_ttl_exceeded: false, unrecoverable: false)
  end

  it "is there while the engine runs, and again when it runs again" do
    port = listener.port
    Karafka::App.stopped!
    expect { Net::HTTP.get_response("127.0.0.1", "/", port) }.to raise_error(Errno::ECONNREFUSED)
    Karafka::App.config.internal.status.reset!
    Karafka::App.run!
    expect(probe.first).to eq(200)
  end

  it "goes on when a probe says nothing, or goes away" do
    silent = TCPSocket.new("127.0.0.1", listener.port)
    TCPSocket.new("127.0.0.1", listener.port).close
    expect(probe.first).to eq(200)
  ensure
    silent&.close
  end

  context "when the system has no descriptor for a connection" do
    let(:tries) { [] }
    let(:most) { 1 }
    let(:resting) { described_class.new(hostname: "127.0.0.1", port: 0) }

    before do
      allow(TCPServer).to receive(:new).and_wrap_original do |original, *address|
        original.call(*address).tap do |server|
          allow(server).to receive(:accept).and_wrap_original do |accept|
            (tries << 1).size > most ? accept.call : raise(Errno::EMFILE)
          end
        end
      end
      allow(Karafka.logger).to receive(:error)
      resting.on_app_running(nil)
    end

    after { resting.on_app_stopped(nil) }

    it "rests, and answers it then" do
      expect(Net::HTTP.get_response("127.0.0.1", "/", resting.port).code).to eq("200")
      expect(tries.size).to be_between(2, 3)
      expect(Karafka.logger).to have_received(:error).with(/can't accept a probe.*Too many open files/).once
    end

    context "with none for long" do
      let(:most) { Float::INFINITY }

      it "ends its rest when it is stopped" do
        port = resting.port
        sleep(0.2)
        expect(tries.size).to eq(1)
        began = Process.clock_gettime(Process::CLOCK_MONOTONIC)
        resting.on_app_stopped(nil)
        expect(Process.clock_gettime(Process::CLOCK_MONOTONIC) - began).to be < 0.5
        expect { TCPSocket.new("127.0.0.1", port) }.to raise_error(Errno::ECONNREFUSED)
      end
    end
  end

  context "with a connection that is not polled" do
    let(:ttls) { { polling_ttl: 0 } }

    it "says so, until it is closed" do
      emit("connection.listener.fetch_loop", caller: connection)
      expect(probe.first).to eq(500)
      expect(problem).to eq(polling_ttl_exceeded: true)
      emit("connection.listener.stopping", caller: connection)
      expect(probe.first).to eq(200)
    end
  end

  context "with a consumer that hangs" do
    let(:ttls) { { consuming_ttl: 0 } }

    { "consumer.consume" => "consumer.consumed", "consumer.revoke" => "consumer.revoked",
      "consumer.shutting_down" => "consumer.shutdown", "consumer.eof" => "consumer.eofed" }.each do |before, after|
      it "says so from #{before} to #{after}" do
        emit(before, caller: nil)
        expect(problem).to eq(consumption_ttl_exceeded: true)
        emit(after, caller: nil)
        expect(problem).to eq({})
      end
    end

    it "says so until it raises, whatever other workers do" do
      emit("consumer.consume", caller: nil)
      Thread.new { emit("consumer.consumed", caller: nil) }.join
      Thread.new { report(RuntimeError.new, type: "consumer.consume.error") }.join
      expect(problem).to eq(consumption_ttl_exceeded: true)
      report(RuntimeError.new, type: "consumer.consume.error")
      expect(problem).to eq({})
    end
  end

  context "with a group that does not settle" do
    let(:ttls) { { stability_ttl: 0 } }

    def statistics(state)
      emit("statistics.emitted", subscription_group_id: "g", statistics: { "cgrp" => { "join_state" => state } })
    end

    it "says so" do
      statistics("steady")
      expect(problem).to eq({})
      statistics("wait-sync")
      expect(problem).to eq(stability_ttl_exceeded: true)
      statistics("steady")
      expect(problem).to eq({})
    end
  end

  it "asks for statistics only where it looks at groups" do
    expect(listener).not_to respond_to(:on_statistics_emitted)
    expect(described_class.new(stability_ttl: 1)).to respond_to(:on_statistics_emitted)
  end

  it "names an error that ended a client, until there is another" do
    report(RuntimeError.new)
    report(Rdkafka::RdkafkaError.new(-195))
    expect(problem).to eq({})
    report(Rdkafka::RdkafkaError.new(-144, fatal: true))
    expect(problem).to eq(unrecoverable: "fenced")
    listener.on_client_reset(nil)
    expect(problem).to eq({})
  end

  it "is not well when it can't say" do
    failing = Class.new(Karafka::Instrumentation::Vendors::Kubernetes::BaseListener) do
      def on_app_running(_event) = start
      def on_app_stopped(_event) = stop
    end.new(hostname: "127.0.0.1", port: 0)
    failing.on_app_running(nil)
    response = Net::HTTP.get_response("127.0.0.1", "/", failing.port)

    expect(response.code).to eq("500")
    expect(JSON.parse(response.body)["error"]).to include("NotImplementedError")
  ensure
    failing.on_app_stopped(nil)
  end

  it "reports a port that is taken" do
    seen = EventRecorder.new("error.occurred")
    Karafka.monitor.subscribe(described_class.new(hostname: "127.0.0.1", port: listener.port))
    Karafka::App.config.internal.status.reset!
    Karafka::App.run!

    expect(seen.of("error.occurred").map { |event| event[:error] }).to include(an_instance_of(Errno::EADDRINUSE))
  end
end
