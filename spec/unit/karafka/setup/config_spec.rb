# frozen_string_literal: true

RSpec.describe Karafka::Setup::Config do
  let(:config) { Karafka::App.config }

  describe "defaults" do
    it "are those of the framework" do
      expect(config.to_h).to include(
        client_id: "karafka", consumer_persistence: true, initial_offset: "earliest", max_messages: 100,
        max_wait_time: 1_000, shutdown_timeout: 60_000, concurrency: 5, group_id: "app", worker_thread_priority: -1,
        strict_topics_namespacing: true, strict_declarative_topics: false, kafka: {},
        pause: { timeout: 1_000, max_timeout: 30_000, with_exponential_backoff: true },
        swarm: { nodes: 3, node: false }, license: { token: false, entity: "" }
      )
    end

    it "are ours under embedded" do
      expect(config.embedded.to_h).to eq(
        shutdown_margin: 1_000, crash_policy: :restart, host_share: 5, prefetch_memory: 16_777_216,
        auto_commit_interval: 900, state_path: nil, crash_patience: 30_000, crash_backoff: 1_000,
        crash_backoff_limit: 60_000, crash_restarts: 10, stall_timeout: 30_000,
        health_address: nil, start_before_fork: :refuse
      )
    end
  end

  describe "validation" do
    def self.refuses(setting, *values)
      values.each do |value|
        it "refuses #{setting} #{value.inspect}" do
          *scopes, name = setting.split(".")
          expect do
            setup_app { |config| scopes.inject(config, :public_send).public_send(:"#{name}=", value) }
          end.to raise_error(Karafka::Errors::InvalidConfigurationError, /\A\{:"config\.#{setting}"=>".+"\}\z/)
        end
      end
    end

    refuses "client_id", nil, "", "a b", 5
    refuses "group_id", nil, "a b"
    refuses "concurrency", 0, -1, 1.5, nil
    refuses "max_messages", 0, "5"
    refuses "max_wait_time", 0
    refuses "initial_offset", "newest", nil, "error"
    refuses "consumer_persistence", nil
    refuses "worker_thread_priority", 4, -4, nil
    refuses "strict_topics_namespacing", 1
    refuses "pause.timeout", 0, "1"
    refuses "pause.with_exponential_backoff", nil
    refuses "oauth.token_provider_listener", Object.new
    refuses "admin.max_retries_duration", 999
    refuses "admin.retry_backoff", 99
    refuses "embedded.shutdown_margin", -1, "1"
    refuses "embedded.crash_policy", :explode
    refuses "embedded.host_share", 0, 101
    refuses "embedded.prefetch_memory", 1_000
    refuses "embedded.auto_commit_interval", 0

    it "needs kafka settings" do
      expect { setup_app(kafka: {}) }.to invalid_configuration("config.kafka": "needs to be a filled hash")
      expect { setup_app(kafka: nil) }.to invalid_configuration("config.kafka": "needs to be a filled hash")
    end

    it "names a kafka key that is no Symbol" do
      expect { setup_app(kafka: { "bootstrap.servers" => "x" }) }.to invalid_configuration(
        "config.kafka.bootstrap.servers": "All keys under the kafka settings scope need to be symbols"
      )
    end

    it "refuses a kafka key that is the framework's" do
      expect { setup_app(kafka: { "bootstrap.servers": "x", "statistics.unassigned.include": true }) }
        .to raise_error(Karafka::Errors::InvalidConfigurationError, /config\.kafka\.statistics\.unassigned\.include/)
    end

    it "tells all that is wrong at once" do
      expect do
        setup_app do |config|
          config.concurrency = 0
          config.max_messages = 0
        end
      end.to raise_error(Karafka::Errors::InvalidConfigurationError, /config\.concurrency.*config\.max_messages/)
    end

    it "keeps a pause below its limit" do
      expect { setup_app { |config| config.pause.max_timeout = 10 } }
        .to raise_error(Karafka::Errors::InvalidConfigurationError, /config\.pause\.timeout/)
    end

    it "keeps a wait below the shutdown" do
      expect { setup_app { |config| config.shutdown_timeout = 1_000 } }
        .to raise_error(Karafka::Errors::InvalidConfigurationError, /config\.shutdown_timeout/)
    end

    it "names an unknown setting" do
      expect { setup_app { |config| config.nope = 1 } }.to raise_error(NoMethodError, /nope=/)
      expect { setup_app { |config| config.pause_timeout = 1 } }.to raise_error(NoMethodError, /pause_timeout=/)
    end
  end

  describe "repeated setup" do
    it "adds to what was set before" do
      setup_app { |config| config.concurrency = 2 }
      setup_app { |config| config.max_messages = 7 }

      expect(config).to have_attributes(concurrency: 2, max_messages: 7)
    end

    it "initializes once, and subscribes its listeners once" do
      seen = []
      config.monitor.subscribe("app.initialized") { |event| seen << event[:server_id] }
      2.times { setup_app }

      expect(seen).to eq([Karafka::Server.id])
      expect(config.monitor.listeners["rebalance.partitions_assigned"].size).to eq(1)
    end

    it "works without a block" do
      setup_app

      expect(Karafka::App.setup).to be(true)
    end
  end

  it "knows what the application set" do
    setup_app { |config| config.max_wait_time = 1_000 }

    expect(described_class.set_by_user?(:max_wait_time)).to be(true)
    expect(described_class.set_by_user?(:max_messages)).to be(false)
    expect(described_class.set_by_user?(:producer)).to be(false)
  end

  describe "the environment" do
    def with_environment(variables)
      before = ENV.to_h.slice(*variables.keys)
      ENV.update(variables)
      yield
    ensure
      variables.each_key { |name| ENV[name] = before[name] }
    end

    it "wins over what the application sets" do
      variables = { "KARAFKA_EMBEDDED_SHUTDOWN_MARGIN" => "2500", "KARAFKA_EMBEDDED_CRASH_POLICY" => "report",
                    "KARAFKA_EMBEDDED_STATE_PATH" => "/tmp/state", "KARAFKA_EMBEDDED_HOST_SHARE" => "" }
      with_environment(variables) { setup_app { |config| config.embedded.shutdown_margin = 1 } }

      expect(config.embedded).to have_attributes(
        shutdown_margin: 2_500, crash_policy: :report, state_path: "/tmp/state", host_share: 5
      )
    end

    it "is checked like the rest" do
      with_environment("KARAFKA_EMBEDDED_SHUTDOWN_MARGIN" => "soon") do
        expect { setup_app }.to raise_error(Karafka::Errors::InvalidConfigurationError, /embedded\.shutdown_margin/)
      end
    end
  end

  describe "config.producer" do
    it "is built from the kafka settings that a producer takes" do
      setup_app(kafka: { "bootstrap.servers": "a:1", "max.poll.interval.ms": 10_000 })

      expect(Karafka.producer.config.kafka).to include("bootstrap.servers": "a:1", "socket.nagle.disable": true)
      expect(Karafka.producer.config.kafka).not_to include(:"max.poll.interval.ms")
      expect(Karafka.producer.config.logger).to equal(config.logger)
    end

    it "takes an instance, in both forms, and reading does not reset it" do
      producer = WaterDrop::Producer.new { |own| own.kafka = { "bootstrap.servers": "b:1" } }
      setup_app { |config| config.producer(producer) }
      setup_app { |config| expect(config.producer).to equal(producer) }

      expect(Karafka.producer).to equal(producer)
    end

    it "runs a block on the default one, without touching config.kafka" do
      setup_app { |config| config.producer { |own| own.kafka[:"linger.ms"] = 3 } }

      expect(Karafka.producer.config.kafka).to include("linger.ms": 3)
      expect(config.kafka).not_to include(:"linger.ms")
    end

    it "may be replaced later" do
      setup_app
      other = WaterDrop::Producer.new { |own| own.kafka = { "bootstrap.servers": "b:1" } }
      config.producer = other

      expect(Karafka.producer).to equal(other)
      expect(Karafka::App.producer).to equal(other)
    end
  end
end
