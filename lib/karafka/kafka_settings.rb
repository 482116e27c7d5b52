# frozen_string_literal: true

# What the consumer and the producer side both need of the settings
require_relative "setup/secrets"
require_relative "setup/kafka_properties"
require_relative "setup/attributes_map"
