# frozen_string_literal: true

# The services that listeners report to, as far as their public interfaces are used. They take the arguments of the real
# ones and no others, and keep what they are told.
module FakeServices
  # `Datadog::Statsd`
  class Statsd
    # @return [Array<Array>] method, name, value, tags
    attr_reader :told

    def initialize
      @told = []
    end

    %i[count gauge histogram distribution].each do |method|
      define_method(method) { |stat, value, tags: []| @told << [method, stat, value, tags] }
    end
  end

  # `Datadog::Tracing`
  class Tracing
    Span = Struct.new(:name, :service, :resource, :error, :finished) do
      def set_error(error) # rubocop:disable Naming/AccessorMethodName -- theirs
        self.error = error
      end

      def finish
        self.finished = true
      end
    end

    # @return [Array<Span>]
    attr_reader :spans

    def initialize
      @spans = []
    end

    def trace(name, service: nil)
      Span.new(name, service).tap { |span| @spans << span }
    end

    def active_span
      @spans.reject(&:finished).last
    end

    def log_correlation
      "dd.trace_id=#{@spans.size}"
    end
  end

  # `Appsignal`, of version 4 (`create(namespace)`, `report_error`)
  module Appsignal
    class Transaction
      BACKGROUND_JOB = "background_job"

      # @return [String]
      attr_reader :namespace, :action
      # @return [Hash]
      attr_reader :metadata

      class << self
        def create(namespace)
          Appsignal.transactions << (@current = new(namespace))
          @current
        end

        def current? = !@current.nil?
        attr_reader :current

        def complete_current! = @current = nil
      end

      def initialize(namespace)
        @namespace = namespace
        @metadata = {}
      end

      def set_action_if_nil(action) # rubocop:disable Naming/AccessorMethodName -- theirs
        @action = action if @action.nil?
      end

      def set_metadata(name, value)
        @metadata[name] = value
      end
    end

    module Probes
      def self.register(name, probe)
        Appsignal.probes[name] = probe
      end
    end

    class << self
      def transactions = @transactions ||= []
      def probes = @probes ||= {}
      def told = @told ||= []
      def increment_counter(name, value, tags) = told << [:count, name, value, tags]
      def set_gauge(name, value, tags) = told << [:gauge, name, value, tags]
      def add_distribution_value(name, value, tags) = told << [:distribution, name, value, tags]
      def report_error(error) = told << [:error, error]

      def forget
        @transactions = @probes = @told = nil
        Transaction.complete_current!
      end
    end
  end
end
