# frozen_string_literal: true

# An application in a line
module Routes
  def setup_app(kafka: { "bootstrap.servers": "127.0.0.1:9092" })
    Karafka::App.setup do |config|
      config.kafka = kafka
      yield(config) if block_given?
    end
    Karafka::App.config.producer.config.deliver = false
  end

  def draw(&block)
    Karafka::App.routes.draw(&block)
  end

  def invalid_configuration(**errors)
    raise_error(Karafka::Errors::InvalidConfigurationError, errors.to_s)
  end
end

RSpec.configure { |config| config.include Routes }
