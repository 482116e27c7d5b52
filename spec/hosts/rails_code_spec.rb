# frozen_string_literal: true

require_relative "support/rails_application"

# Rails has those who unload code wait for those who run it. The waits meet those of start and stop here.
RSpec.describe "Rails' interlock", timing: true do
  let(:topic) { KafkaServer.create_topic("orders") }

  # What the programs run in: nothing is eager loaded, and what is loaded takes its time
  def with_application
    settings = { "RAILS_ENV" => "development", "KAFKA_BOOTSTRAP_SERVERS" => KafkaServer.bootstrap }
    RailsApplication.open(settings) do |application|
      application.rails("generate", "karafka_embedded:install", "--topic", "orders")
      application.edit("karafka.rb", 'topic "orders"', "topic #{topic.dump}")
      application.edit("karafka.rb", "consumer_group :shop", "consumer_group #{topic.dump}")
      application.edit("karafka.rb", "consumer OrdersConsumer", 'consumer "OrdersConsumer"')
      5.times { |n| application.write("app/models/part#{n}.rb", "class Part#{n}\n  sleep(0.01)\nend\n") }
      application.write("app/consumers/orders_consumer.rb", <<~RUBY)
        class OrdersConsumer < ApplicationConsumer
          PARTS = [Part0, Part1, Part2, Part3, Part4].freeze

          def consume
            File.write(Rails.root.join("tmp/consumed"), messages.raw_payloads.join("\\n"), mode: "a")
          end
        end
      RUBY
      yield application
    end
  end

  # @return [Hash{Symbol => Object}] what the program told in its last line
  def run(application, program)
    application.write("tmp/program.rb", <<~RUBY)
      APP = Rails.application
      CONSUMER = Rails.root.join("app/consumers/orders_consumer.rb")

      # `rails runner` counts as running code; a server's main thread does not
      Thread.new { #{program} }.value
    RUBY
    JSON.parse(application.rails("runner", "--skip-executor", "tmp/program.rb").lines.last, symbolize_names: true)
  rescue RailsApplication::Failed => e
    raise unless e.message.include?("--skip-executor") # older than 7.2, which knows it

    JSON.parse(application.rails("runner", "tmp/program.rb").lines.last, symbolize_names: true)
  end

  it "lets consumers be found while requests load code and reload it" do
    with_application do |application|
      told = run(application, <<~RUBY)
        ending = false
        requests = Array.new(3) do |n|
          Thread.new do
            until ending
              APP.executor.wrap { Object.const_get("Part\#{n}") }
              APP.reloader.wrap { CONSUMER.utime(Time.now, Time.now) } if n.zero?
            end
          end
        end
        starts = Array.new(10) { Karafka::Embedded.start.tap { Karafka::Embedded.stop } }
        ending = true
        requests.each(&:value)
        puts JSON.generate(starts: starts.compact.size, state: Karafka::Embedded.state)
      RUBY

      expect(told).to eq(starts: 10, state: "stopped")
    end
  end

  it "lets a request stop consumers of which one waits to reload" do
    with_application do |application|
      told = run(application, <<~RUBY)
        def consumed
          File.exist?("tmp/consumed") ? File.read("tmp/consumed") : ""
        end

        Karafka::Embedded.start
        Karafka.producer.produce_sync(topic: #{topic.dump}, payload: "before")
        Thread.pass until consumed.include?("before")
        report = APP.executor.wrap do
          CONSUMER.utime(Time.now, Time.now)
          Karafka.producer.produce_sync(topic: #{topic.dump}, payload: "after")
          waiting = false
          until waiting
            ActiveSupport::Dependencies.interlock.raw_state do |threads|
              waiting = threads.values.any? { |thread| thread[:waiting] && thread[:purpose] == :unload }
            end
          end
          Karafka::Embedded.stop(timeout: 30_000)
        end
        shares = ActiveSupport::Dependencies.interlock.raw_state { |threads| break threads.values }
        puts JSON.generate(clean: report.clean?, drained: report.drained.size, after: consumed.include?("after"),
                           shares: shares.sum { |thread| thread[:sharing].to_i })
      RUBY

      expect(told).to eq(clean: true, drained: 1, after: true, shares: 0)
    end
  end
end
