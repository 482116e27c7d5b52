# frozen_string_literal: true

module Karafka
  module Routing
    module Features
      # A topic whose messages are Active Job jobs
      class ActiveJob < Base
        # Resolved when the topic is consumed, so that routes can be drawn before Active Job is loaded
        CONSUMER = "Karafka::ActiveJob::Consumer"
        private_constant :CONSUMER

        Config = Struct.new(:active, keyword_init: true) do
          alias_method :active?, :active
        end

        # The options of such a topic
        # @api private
        def self.options(block)
          consumer_class = App.config.internal.active_job.consumer_class || CONSUMER

          proc do
            consumer consumer_class
            active_job true
            manual_offset_management true
            instance_eval(&block) if block
          end
        end

        # @!visibility private
        module Topic
          # @param active [Boolean] the first call decides
          # @return [Config]
          def active_job(active = false) # rubocop:disable Style/OptionalBooleanParameter -- the DSL's own form
            @active_job ||= Config.new(active: active)
          end

          # @return [Boolean]
          def active_job?
            active_job.active?
          end

          # @return [Hash]
          def to_h
            super.merge(active_job: active_job.to_h).freeze
          end
        end

        # @!visibility private
        module ConsumerGroup
          # @param name [String, Symbol]
          # @yield options beyond those of a topic of jobs
          def active_job_topic(name, &block)
            public_send(:topic=, name, &ActiveJob.options(block))
          end
        end

        # @!visibility private
        module Builder
          # @param name [String, Symbol]
          # @yield options beyond those of a topic of jobs
          def active_job_topic(name, &block)
            topic(name, &ActiveJob.options(block))
          end
        end
      end
    end
  end
end
