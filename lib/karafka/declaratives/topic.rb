# frozen_string_literal: true

module Karafka
  module Declaratives
    # Declaration of one topic. In its block each attribute is written by calling it with a value.
    class Topic
      DEFAULTS = { active: true, partitions: 1, replication_factor: 1, details: {} }.freeze
      NOT_GIVEN = Object.new.freeze
      private_constant :DEFAULTS, :NOT_GIVEN

      # @return [String]
      attr_reader :name
      # @return [String, nil] cluster it is on, when not the application's own
      attr_accessor :bootstrap_servers

      # @param name [String, Symbol]
      def initialize(name)
        @name = name.to_s
        @attributes = {}
      end

      %i[partitions replication_factor].each do |attribute|
        define_method(attribute) do |value = NOT_GIVEN|
          @attributes[attribute] = value unless value.equal?(NOT_GIVEN)
          @attributes.fetch(attribute) { DEFAULTS.fetch(attribute) }
        end
      end

      # @param value [Boolean] is the topic to be managed
      # @return [Boolean]
      def active(value = NOT_GIVEN)
        @attributes[:active] = value unless value.equal?(NOT_GIVEN)
        active?
      end

      # @return [Boolean]
      def active?
        @attributes.fetch(:active, true)
      end

      # @param details [Hash{Symbol => Object}] topic settings by their names on the broker
      # @return [Hash]
      def config(details = NOT_GIVEN, **named)
        given = details.equal?(NOT_GIVEN) ? named : details.merge(named)
        @attributes[:details] = given unless given.empty? && details.equal?(NOT_GIVEN)
        self.details
      end

      # @return [Hash{Symbol => Object}] topic settings by their names on the broker
      def details
        @attributes.fetch(:details) { DEFAULTS.fetch(:details) }
      end

      # Declares it from the block of the DSL
      # @api private
      def declare
        @declared = true
        self
      end

      # Declares it from a route, unless somebody was first
      # @api private
      def declare_from_route(**attributes)
        return self if declared?

        @attributes = attributes
        @routed = true
        declare
      end

      # @return [Boolean] was it declared, as opposed to only asked for
      def declared?
        @declared ? true : false
      end

      # @return [Boolean] does the declaration come from a route
      # @api private
      def routed?
        @routed ? true : false
      end

      # @return [Hash]
      def to_h
        { name: name, active: active?, partitions: partitions, replication_factor: replication_factor,
          details: details, bootstrap_servers: bootstrap_servers }
      end
    end
  end
end
