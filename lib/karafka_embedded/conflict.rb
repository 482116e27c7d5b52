# frozen_string_literal: true

# The gem as RubyGems knows it; what it does is under {Karafka}
module KarafkaEmbedded
  # Two gems that define the same constants can not share a process: what is called would depend on who was loaded last.
  #
  # @api private
  module Conflict
    # Raised when the framework this gem stands in for is in the process too
    class Error < RuntimeError; end

    # Gems whose constants are ours too
    GEMS = %w[karafka waterdrop].freeze
    VERSIONS = { "karafka" => "Karafka::VERSION", "waterdrop" => "WaterDrop::VERSION" }.freeze
    private_constant :GEMS, :VERSIONS

    class << self
      # @raise [Error] when one of those gems is activated or loaded
      def check!
        GEMS.each do |name|
          place = activated(name) || foreign_constant(VERSIONS.fetch(name))
          raise Error, message(name, place) if place
        end
      end

      private

      def activated(name)
        spec = Gem.loaded_specs[name] if defined?(Gem)
        "#{spec.full_name}, in #{spec.full_gem_path}" if spec
      end

      def foreign_constant(constant)
        return unless Object.const_defined?(constant)

        file, = Object.const_source_location(constant)
        file if file && !file.start_with?(File.expand_path("..", __dir__))
      end

      def message(name, place)
        users = dependents(name)
        "karafka_embedded stands in for the gem #{name}, but that gem is loaded in this process too (#{place}). " \
          "Take #{[name, *users].map(&:inspect).join(" and ")} out of the Gemfile#{via(users)}; " \
          "with only karafka_embedded in it, require \"karafka\" loads karafka_embedded."
      end

      def via(users)
        users.empty? ? "" : " (#{users.join(", ")} would bring it back)"
      end

      def dependents(name)
        return [] unless defined?(Gem)

        Gem.loaded_specs.each_value.select { |spec| spec.runtime_dependencies.any? { |other| other.name == name } }
           .map(&:name)
      end
    end
  end
end
