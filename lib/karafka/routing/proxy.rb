# frozen_string_literal: true

module Karafka
  module Routing
    # Evaluates a block of the DSL on a target: `x(value)` writes `target.x = value` where there is such a writer, and
    # calls `target.x(value)` else.
    #
    # @api private
    class Proxy
      # @return [Object] what the block is about
      attr_reader :target

      # @param target [Object] what the block is about
      # @param defaults [Proc, nil] evaluated after the block
      # @yield the DSL
      def initialize(target, defaults = nil, &block)
        @target = target
        instance_eval(&block) if block
        instance_eval(&defaults) if defaults
      end

      # @param method_name [Symbol]
      # @return [Boolean] does the target know it
      def respond_to_missing?(method_name, include_private = false)
        @target.respond_to?(:"#{method_name}=", include_private) || @target.respond_to?(method_name, include_private) ||
          super
      end

      # Passes a call of the DSL on; with nothing to write it is a read
      def method_missing(method_name, *arguments, **options, &block)
        writer = :"#{method_name}="
        given = !arguments.empty? || !options.empty? || !block.nil?
        readable = @target.respond_to?(method_name)

        if @target.respond_to?(writer) && (given || !readable)
          @target.public_send(writer, *arguments, **options, &block)
        elsif readable
          @target.public_send(method_name, *arguments, **options, &block)
        else
          super
        end
      end
    end
  end
end
