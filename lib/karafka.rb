# frozen_string_literal: true

require_relative "karafka_embedded/conflict"
KarafkaEmbedded::Conflict.check!

require "pathname"
require_relative "karafka/version"
require_relative "karafka/errors"
require_relative "karafka/env"
require_relative "karafka/core"
require_relative "karafka/project"
require_relative "karafka/status"
require_relative "karafka/execution_mode"
require_relative "karafka/process"
require_relative "karafka/server"
require_relative "karafka/instrumentation"
require_relative "karafka/deserializers"
require_relative "karafka/declaratives"
require_relative "karafka/routing"
require_relative "karafka/setup"
require_relative "karafka/messages"
require_relative "karafka/connection"
require_relative "karafka/base_consumer"
require_relative "karafka/processing"
require_relative "karafka/app"
require_relative "karafka/embedded"
require_relative "waterdrop"

# Kafka consumers inside the process you already run.
#
# Requiring this, `setup` and `draw` load nothing native and start no thread: a server that forks after it has loaded
# the application can do all three in its master.
module Karafka
  extend Project

  autoload :Native, File.expand_path("karafka/native", __dir__)
end

require_relative "karafka/railtie" if Karafka.rails?
