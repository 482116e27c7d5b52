# frozen_string_literal: true

require_relative "support/rails_application"

# Development: somebody edits a consumer while the server runs
RSpec.describe "Rails, where code reloads", timing: true do
  let(:topic) { KafkaServer.create_topic("orders") }
  let(:edits) { 20 }
  let(:sent) { Queue.new }

  # A consumer that writes down which version of it consumed what
  def consumer(version)
    <<~RUBY
      class OrdersConsumer < ApplicationConsumer
        VERSION = #{version}

        def consume
          lines = messages.map { |message| "\#{VERSION} \#{message.raw_payload}\\n" }
          File.write(Rails.root.join("tmp/journal"), lines.join, mode: "a")
        end
      end
    RUBY
  end

  def prepare(application)
    application.rails("generate", "karafka_embedded:install", "--topic", "orders")
    application.edit("karafka.rb", 'topic "orders"', "topic #{topic.dump}")
    application.edit("karafka.rb", "consumer_group :shop", "consumer_group #{topic.dump}")
    application.edit("karafka.rb", /\z/, <<~RUBY)
      Karafka.monitor.subscribe("error.occurred") do |event|
        File.write(Rails.root.join("tmp/errors"), "\#{event[:type]} \#{event[:error].class}\\n", mode: "a")
      end
    RUBY
    application.write("config/initializers/error_reporter.rb", <<~RUBY)
      class Tracker
        def report(error, **details)
          File.write(Rails.root.join("tmp/tracked"), "\#{error.class} \#{details}\\n", mode: "a")
        end
      end
      Rails.error.subscribe(Tracker.new) if Rails.respond_to?(:error)
    RUBY
    save(application, 0)
  end

  def save(application, version)
    application.write("app/consumers/orders_consumer.rb", consumer(version))
  end

  # @return [Array<Array(Integer, String)>] which version consumed what, in the order of that
  def journal(application)
    lines = File.exist?(application.path("tmp/journal")) ? application.read("tmp/journal").lines : []
    lines.map { |line| line.split.then { |version, payload| [Integer(version), payload] } }
  end

  def await_version(application, payload)
    eventually("#{payload} consumed", within: 60) { journal(application).find { |_, consumed| consumed == payload } }
      .first
  end

  def written(application, file)
    File.exist?(application.path(file)) ? application.read(file) : ""
  end

  # A stream of messages, and requests beside it, while the block runs
  # @yieldparam feed [Feed]
  def busy(server)
    Feed.open(KafkaServer.bootstrap) do |feed|
      ending = false
      stream = Thread.new { stream(feed) { ending } }
      requests = Thread.new { requests(server) { ending } }
      yield feed
    ensure
      ending = true
      stream&.value
      expect(requests&.value).to eq(["204"])
    end
  end

  # One after the other, as fast as the broker takes them
  def stream(feed)
    (0..).each do |number|
      break if yield

      feed.send(topic, ["stream-#{number}"])
      sent << "stream-#{number}"
    end
  end

  # @return [Array<String>] the codes there were
  def requests(server)
    codes = []
    codes |= [server.get("/ping").code] until yield
    codes
  end

  def serving
    settings = { "RAILS_ENV" => "development", "KAFKA_BOOTSTRAP_SERVERS" => KafkaServer.bootstrap }
    RailsApplication.open(settings) do |application|
      prepare(application)
      application.edit("config/routes.rb", "Rails.application.routes.draw do\n", <<~RUBY)
        Rails.application.routes.draw do
          get "/ping", to: ->(_env) { [204, {}, []] }
      RUBY
      application.serve { |server| yield application, server }
    end
  end

  # A message that was sent after the save is in a batch that begins after it.
  it "runs what was saved from the next batch on, 20 times, and loses nothing" do
    serving do |application, server|
      busy(server) do |feed|
        versions = (1..edits).map do |version|
          save(application, version)
          feed.send(topic, ["edit-#{version}"])
          await_version(application, "edit-#{version}")
        end
        expect(versions).to eq((1..edits).to_a)
      end

      stream = Array.new(sent.size) { sent.pop }
      await_version(application, stream.last)
      expect(journal(application).map(&:last).tally.slice(*stream)).to eq(stream.to_h { |payload| [payload, 1] })
      expect(written(application, "tmp/errors")).to eq("")
    end
  end

  it "reports a consumer that can't be loaded, repeats its batch, and heals with the next save" do
    serving do |application, server|
      busy(server) do |feed|
        feed.send(topic, ["before"])
        expect(await_version(application, "before")).to eq(0)
        { "class OrdersConsumer < ApplicationConsumer; def consume(" => "SyntaxError",
          "class OrdersConsumer < NoSuchConsumer; end" => "NameError" }.each.with_index(1) do |(text, error), version|
          application.write("app/consumers/orders_consumer.rb", text)
          feed.send(topic, ["broken-#{version}"])
          eventually("report of #{error}", within: 60) { written(application, "tmp/errors").include?(error) }
          expect_report(application, error)
          save(application, version)
          expect(await_version(application, "broken-#{version}")).to eq(version)
        end
      end
    end
  end

  def expect_report(application, error)
    expect(application.log).to match(/syntax error|NoSuchConsumer/).and include("orders_consumer.rb:1")
    tracked = written(application, "tmp/tracked")
    expect(tracked).to RailsApplication.version < Gem::Version.new("7.0") ? eq("") : include(error)
  end
end
