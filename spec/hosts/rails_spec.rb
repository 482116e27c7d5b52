# frozen_string_literal: true

require_relative "support/rails_application"

RSpec.describe "Rails", timing: true do
  let(:topic) { "orders" }
  let(:too_few) { "4 connections for 6 threads: 2 of Karafka (config.concurrency) and 4 of the host (puma)" }

  # A table, a consumer that fills it and a route that shows it
  def fill(application)
    application.rails("generate", "karafka_embedded:install", "--topic", topic)
    application.rails("generate", "model", "order", "number:integer", "--no-test-framework")
    application.rails("db:migrate")
    application.write("app/consumers/orders_consumer.rb", <<~RUBY)
      class OrdersConsumer < ApplicationConsumer
        def consume
          Order.transaction { messages.each { |message| Order.create!(number: message.payload.fetch("number")) } }
        end
      end
    RUBY
    application.edit("config/routes.rb", "Rails.application.routes.draw do\n", <<~RUBY)
      Rails.application.routes.draw do
        get "/orders", to: ->(_env) { [200, {}, [Order.pluck(:number).to_json]] }
    RUBY
  end

  def send_orders(servers, numbers)
    Feed.open(servers) { |feed| feed.send(topic, numbers.map { |number| JSON.generate(number: number) }) }
  end

  def await_orders(server, numbers)
    eventually("orders #{numbers}", within: 60) { (numbers.to_a - server.json("/orders")).empty? }
    server.json("/orders")
  end

  def await_health(server, code)
    eventually("health #{code}", within: 60) { server.get("/karafka/status").code == code }
  end

  def with_application(environment)
    KafkaServer::Own.open do |broker|
      broker.command("topic", topic)
      settings = { "RAILS_ENV" => environment, "KAFKA_BOOTSTRAP_SERVERS" => broker.bootstrap,
                   "DATABASE_URL" => "sqlite3:db/shop.sqlite3", "RAILS_MAX_THREADS" => "4" }
      RailsApplication.open(settings) do |application|
        fill(application)
        yield application, broker
      end
    end
  end

  %w[production development].each do |environment|
    it "consumes into the database of a generated application, in #{environment}; its health follows the broker's" do
      with_application(environment) do |application, broker|
        application.serve do |server|
          await_health(server, "200")
          send_orders(broker.bootstrap, 1..100)
          expect(await_orders(server, 1..100).tally.values).to all(eq(1))

          broker.kill
          await_health(server, "503")
          expect(server.get("/karafka/status/live").code).to eq("200")
          broker.start_again
          await_health(server, "200")
          send_orders(broker.bootstrap, 101..120)
          await_orders(server, 101..120)

          expect(server.stop("INT").exitstatus).to eq(0)
          expect(application.log + server.output).to include("Karafka::Embedded stopped in", too_few)
        end
      end
    end
  end
end
