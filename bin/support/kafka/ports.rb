# frozen_string_literal: true

require "socket"

module DevKafka
  # Another process has the port: found so before the start, or between the choice and the broker's bind.
  class PortTaken < StandardError; end

  # Chooses ports: from a base upwards, or whatever is free.
  module Ports
    OFFSETS = { client: 0, controller: 100, sasl: 200, mtls: 300, sasl_ssl: 400 }.freeze

    module_function

    # @return [Array<Hash>] one a broker
    def choose(wanted)
      kinds = %i[client controller]
      kinds += %i[sasl] if wanted.fetch(:authorizer)
      kinds += %i[mtls sasl_ssl] if wanted.fetch(:secure)
      return free(kinds, wanted.fetch(:brokers)) if wanted.fetch(:ports) == "auto"

      Array.new(wanted.fetch(:brokers)) do |i|
        base = wanted.fetch(:ports) + i
        OFFSETS.slice(*kinds).transform_values { |offset| (base + offset).tap { |port| ensure_free(port) } }
      end
    end

    def ensure_free(port)
      TCPServer.new(Broker::HOST, port).close
    rescue Errno::EADDRINUSE
      raise PortTaken, "port #{port} is taken by another process"
    end

    # All are held open until all are chosen, so that none is chosen twice.
    def free(kinds, count)
      held = Array.new(count) { kinds.to_h { |kind| [kind, TCPServer.new(Broker::HOST, 0)] } }
      held.map { |servers| servers.transform_values { |server| server.addr[1] } }
    ensure
      held&.each { |servers| servers.each_value(&:close) }
    end
  end
end
