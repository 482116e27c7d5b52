# frozen_string_literal: true

require "json"

RSpec.describe Karafka::Embedded::Health do
  let(:group) { { id: "shop", connected: true } }
  let(:health) do
    { state: :running, healthy: true, process_id: 1, reasons: [], restarts: 0, stalls: [], crashes: [],
      groups: [group] }
  end

  before { allow(Karafka::Embedded).to receive(:health).and_return(health) }

  def get(path, app: described_class, verb: "GET")
    app.call({ "REQUEST_METHOD" => verb, "PATH_INFO" => path })
  end

  def codes
    %w[/status /status/started /status/connected /status/live].map { |path| get(path).first }
  end

  it "is 200 everywhere when all is well" do
    expect(codes).to eq([200, 200, 200, 200])
  end

  {
    "stopped" => [{ state: :stopped, healthy: false, groups: [] }, [503, 503, 503, 200]],
    "crashed" => [{ state: :crashed, healthy: false }, [503, 503, 200, 503]],
    "quiet" => [{ state: :quiet, healthy: false }, [503, 200, 200, 200]],
    "not connected" => [{ healthy: false, groups: [{ connected: false }] }, [503, 200, 503, 200]],
    "not connected yet" => [{ healthy: false, groups: [{ connected: nil }] }, [503, 200, 503, 200]],
    "stuck in a thread of the engine" => [{ healthy: false, stalls: [{ severity: :critical }] }, [503, 200, 200, 503]],
    "late with a job" => [{ healthy: false, stalls: [{ severity: :unhealthy }] }, [503, 200, 200, 200]],
    "stopped by what a consumer raised" => [{ state: :stopped, healthy: false, crashes: [{ cause: :critical }] },
                                            [503, 503, 200, 503]],
    "not healing" => [{ healthy: false, crashes: [{ cause: :authentication }] }, [503, 200, 200, 200]]
  }.each do |what, (changes, expected)|
    it "is #{expected.join(", ")} when it is #{what}" do
      health.merge!(changes)
      expect(codes).to eq(expected)
    end
  end

  it "tells all under /status and a summary below it, as JSON" do
    code, headers, body = get("/status")
    expect(code).to eq(200)
    expect(headers).to include("content-type" => "application/json", "content-length" => body.join.bytesize.to_s)
    expect(JSON.parse(body.join)).to include(
      "status" => "ok", "state" => "running", "groups" => [{ "id" => "shop", "connected" => true }]
    )
    expect(JSON.parse(get("/status/live").last.join).keys).to eq(%w[status state process_id reasons restarts])
  end

  it "answers HEAD without a body, and nothing but GET and HEAD" do
    code, headers, body = get("/status", verb: "HEAD")
    expect([code, headers["content-length"].to_i.positive?, body]).to eq([200, true, []])
    code, headers, = get("/status", verb: "POST")
    expect([code, headers["allow"]]).to eq([405, "GET, HEAD"])
  end

  it "is 404 for what is not there, and a trailing slash is nothing" do
    expect(get("/").first).to eq(404)
    expect(get("/status/other").first).to eq(404)
    expect(get("/status/live/").first).to eq(200)
  end

  it "is a middleware, under a path of its own" do
    app = described_class.new(->(env) { [201, {}, [env["PATH_INFO"]]] }, path: "/karafka/")
    expect(get("/karafka/status", app: app).first).to eq(200)
    expect(get("/status", app: app)).to eq([201, {}, ["/status"]])
    expect(get("/orders", app: app, verb: "POST").first).to eq(201)
  end

  it "shows no secret, whatever message it got into" do
    Karafka::App.config.kafka = { "sasl.username": "shop", "sasl.password": "hunter2!", "ssl.key.pem": "-----KEY" }
    health.merge!(healthy: false, reasons: ["shop: PLAIN with hunter2! failed"], groups: [{ last_error: "-----KEY" }])
    body = get("/status").last.join
    expect(body).to include("shop: PLAIN with [FILTERED] failed")
    expect(body).not_to match(/hunter2|-----KEY/)
  end
end
