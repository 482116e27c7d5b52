# frozen_string_literal: true

require_relative "karafka_embedded/conflict"
KarafkaEmbedded::Conflict.check!

# The producer: messages to Kafka. It connects with its first message, and not before.
module WaterDrop
end

require_relative "karafka/core"
require_relative "karafka/kafka_settings"
require_relative "rdkafka"
require_relative "waterdrop/errors"
require_relative "waterdrop/instrumentation/notifications"
require_relative "waterdrop/instrumentation/monitor"
require_relative "waterdrop/instrumentation/logger_listener"
require_relative "waterdrop/middleware"
require_relative "waterdrop/status"
require_relative "waterdrop/contracts/config"
require_relative "waterdrop/contracts/message"
require_relative "waterdrop/contracts/tombstone"
require_relative "waterdrop/clients/labels"
require_relative "waterdrop/clients/interests"
require_relative "waterdrop/clients/statistics_switch"
require_relative "waterdrop/clients/events"
require_relative "waterdrop/clients/last_words"
require_relative "waterdrop/clients/rdkafka"
require_relative "waterdrop/clients/dummy"
require_relative "waterdrop/clients/buffered"
require_relative "waterdrop/config"
require_relative "waterdrop/producer"
