# frozen_string_literal: true

require "securerandom"

module Karafka
  module Embedded
    # A subscription group's connection, as events and {Karafka::Server.listeners} show it.
    class Listener
      # @return [String]
      attr_reader :id
      # @return [Routing::SubscriptionGroup]
      attr_reader :subscription_group
      # @return [String, nil] librdkafka's name of the client, such as `karafka#consumer-1`
      attr_reader :name

      # @param subscription_group [Routing::SubscriptionGroup]
      def initialize(subscription_group)
        @id = SecureRandom.hex(6)
        @subscription_group = subscription_group
        @state = :pending
      end

      # @param client_name [String]
      # @api private
      def started(client_name)
        @name = client_name
        emit("starting")
        emit("before_fetch_loop", subscription_group: subscription_group, client: self)
        emit("running")
        @state = :running
      end

      # @api private
      def stopped
        return if stopped?

        emit("stopping")
        emit("stopped")
        emit("after_fetch_loop", subscription_group: subscription_group, client: self)
        @state = :stopped
      end

      # @return [Boolean]
      def active?
        @state == :running
      end

      # @return [Boolean]
      def stopped?
        @state == :stopped
      end

      # @return [Boolean]
      def quiet?
        App.quiet?
      end

      private

      def emit(what, **details)
        Karafka.monitor.instrument("connection.listener.#{what}", caller: self, **details)
      end
    end
  end
end
