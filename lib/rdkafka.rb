# frozen_string_literal: true

require_relative "rdkafka/errors"
require_relative "rdkafka/producer/delivery_report"
require_relative "rdkafka/producer/delivery_handle"
require_relative "rdkafka/consumer/partition"
require_relative "rdkafka/consumer/topic_partition_list"
