# frozen_string_literal: true

require_relative "kafka_settings"
require_relative "setup/embedded_settings"
require_relative "setup/config_proxy"
require_relative "setup/default_producer"
require_relative "setup/contracts/config"
require_relative "setup/config"
