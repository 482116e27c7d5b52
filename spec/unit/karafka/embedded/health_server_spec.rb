# frozen_string_literal: true

require "net/http"
require "socket"

RSpec.describe Karafka::Embedded::HealthServer do
  subject(:server) { described_class.new("127.0.0.1:0").start }

  after do
    server.close
    expect(server.join(5_000)).to be(true)
  end

  def get(path)
    Net::HTTP.get_response("127.0.0.1", path, server.port)
  end

  def connect
    TCPSocket.new("127.0.0.1", server.port)
  end

  def ask(text)
    socket = connect
    socket.write(text)
    socket.read
  ensure
    socket&.close
  end

  it "answers as Health does" do
    answer = get("/status?verbose=1")
    expect(answer.code).to eq("503")
    expect(JSON.parse(answer.body)).to include("status" => "unavailable", "state" => "stopped")
    expect(get("/status/live").code).to eq("200")
    expect(get("/other").code).to eq("404")
  end

  it "answers a request that comes in pieces" do
    socket = connect
    "GET /status/live HTTP/1.1\r\nhost: a\r\n\r\n".chars.each_slice(7) do |piece|
      socket.write(piece.join)
      socket.flush
    end
    expect(socket.read).to start_with("HTTP/1.1 200 OK\r\n")
  ensure
    socket&.close
  end

  it "rests where the system has no descriptor for a connection, and answers it then" do
    listener = server.instance_variable_get(:@server)
    tries = 0
    allow(listener).to receive(:accept_nonblock).and_wrap_original do |original, **options|
      (tries += 1) > 1 ? original.call(**options) : raise(Errno::EMFILE)
    end
    allow(Karafka.logger).to receive(:error)

    expect(get("/status/live").code).to eq("200")
    expect(tries).to eq(2)
    expect(Karafka.logger).to have_received(:error).with(/can't accept a connection.*Too many open files/)
  end

  it "refuses what is no request" do
    expect(ask("\r\n\r\n")).to start_with("HTTP/1.1 400")
    expect(ask("nonsense\r\n\r\n")).to start_with("HTTP/1.1 400")
    expect(ask("GET /#{"x" * 9_000}")).to start_with("HTTP/1.1 431")
  end

  it "hangs up on who says nothing, and answers others meanwhile" do
    silent = Array.new(8) { connect }
    expect(get("/status/live").code).to eq("200")
    expect(silent.map(&:read)).to all(eq(""))
  ensure
    silent&.each(&:close)
  end

  it "takes no more connections than it can serve, and serves the others when those are gone" do
    crowd = Array.new(40) { connect }
    expect(get("/status/live").code).to eq("200")
  ensure
    crowd&.each(&:close)
  end

  it "lets go of its port" do
    port = server.port
    server.close
    server.join(5_000)
    expect { TCPSocket.new("127.0.0.1", port) }.to raise_error(Errno::ECONNREFUSED)
    TCPServer.new("127.0.0.1", port).close
  end
end
