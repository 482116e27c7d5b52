# frozen_string_literal: true

module Karafka
  module Processing
    module Behaviours
      # What librdkafka's statistics say about the partition. Only consumers of topics with `inline_insights` have this.
      module Insights
        # @return [Hash{String => Object}] the last statistics of the partition; empty before there are any
        # @example
        #   insights.fetch("consumer_lag", -1)
        def insights
          latest = Instrumentation::InsightsTracker.find(topic, partition)
          latest.empty? ? @karafka_insights || latest : @karafka_insights = latest
        end

        # @return [Boolean] are there any
        def insights?
          !insights.empty?
        end

        alias statistics insights
        alias statistics? insights?
        alias inline_insights insights
        alias inline_insights? insights?
      end
    end
  end
end
