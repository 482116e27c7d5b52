# frozen_string_literal: true

module Karafka
  module Routing
    module Contracts
      # What a topic has to look like
      #
      # @api private
      class Topic < Core::Contractable::Contract
        NAME = "needs to be a String of letters, digits, '-', '_' and '.'"
        BOOLEAN = "needs to be true or false"
        FALSY = [nil, false, "false"].freeze
        private_constant :NAME, :BOOLEAN, :FALSY

        required(:id, text: NAME) { |value| value.is_a?(String) && value.match?(NAME_FORMAT) }
        required(:name, text: NAME) { |value| value.is_a?(String) && value.match?(NAME_FORMAT) }
        required(:active, text: BOOLEAN) { |value| [true, false].include?(value) }
        required(:consumer_persistence, text: BOOLEAN) { |value| [true, false].include?(value) }
        required(:max_messages, text: "needs to be an integer of 1 or more") { |value| integer_from?(value, 1) }
        required(:max_wait_time, text: "needs to be an integer of 10 or more") { |value| integer_from?(value, 10) }
        required(:initial_offset, text: "needs to be either earliest or latest") do |value|
          %w[earliest latest].include?(value)
        end
        required(:subscription_group_details, :name, text: NAME) do |value|
          value.is_a?(String) && value.match?(NAME_FORMAT)
        end
        required(:kafka, text: "needs to be a hash with symbol keys") do |value|
          value.is_a?(Hash) && value.each_key.all?(Symbol)
        end
        %i[manual_offset_management eofed inline_insights active_job].each do |feature|
          required(feature, :active, text: BOOLEAN) { |value| [true, false].include?(value) }
        end
        %i[payload key headers].each do |kind|
          required(:deserializers, kind, text: "needs to respond to #call") { |value| value.respond_to?(:call) }
        end
        required(:declaratives, :active, text: BOOLEAN) { |value| [true, false].include?(value) }
        required(:declaratives, :partitions, text: "needs to be an integer of 1 or more") do |value|
          integer_from?(value, 1)
        end
        required(:declaratives, :replication_factor, text: "needs to be an integer of 1 or more") do |value|
          integer_from?(value, 1)
        end
        required(:declaratives, :details, text: "needs to be a hash with symbol keys") do |value|
          value.is_a?(Hash) && value.each_key.all?(Symbol)
        end

        virtual do |data, _|
          next unless data[:active] == true && data[:consumer].nil?

          [[%i[consumer], "needs to be present"]]
        end

        virtual do |data, errors|
          next unless errors.empty?

          text = Setup::KafkaProperties.error_in(data[:kafka])
          text && [[%i[kafka], text]]
        end

        virtual do |data, errors|
          next unless errors.empty?
          next if data[:kafka].key?(:"bootstrap.servers") || data[:kafka].key?(:"metadata.broker.list")

          [[%i[kafka bootstrap.servers], "needs to be present"]]
        end

        virtual do |data, errors|
          next unless errors.empty? && App.config.strict_topics_namespacing
          next unless data[:name].include?(".") && data[:name].include?("_")

          [[%i[name], "needs to be consistent namespacing style: either '.' or '_', not both"]]
        end

        virtual { |data, _| dead_letter_queue_errors(data[:dead_letter_queue]) }

        virtual do |data, errors|
          next unless errors.empty? && data[:eofed][:active]
          next unless FALSY.include?(data[:kafka][:"enable.partition.eof"])

          [[%i[eofed], "needs enable.partition.eof to be true in the kafka settings of the topic"]]
        end

        virtual do |data, errors|
          next unless errors.empty? && data[:active_job][:active]

          found = []
          found << [%i[consumer], "ActiveJob needs to be available"] unless Object.const_defined?("ActiveJob::Base")
          unless data[:manual_offset_management][:active]
            found << [%i[manual_offset_management], "needs to be enabled for Active Job topics"]
          end
          found
        end

        # @param topic [Routing::Topic]
        # @raise [Errors::InvalidConfigurationError]
        def validate_topic!(topic)
          validate!(
            topic.to_h, Errors::InvalidConfigurationError, scope: ["routes", topic.consumer_group.id, topic.name]
          )
        end

        private

        def integer_from?(value, bound)
          value.is_a?(Integer) && value >= bound
        end

        def dead_letter_queue_errors(queue)
          return unless queue[:active]

          rules = {
            topic: [NAME, queue[:topic].is_a?(String) && queue[:topic].match?(NAME_FORMAT)],
            max_retries: ["needs to be an integer of 0 or more", integer_from?(queue[:max_retries], 0)],
            independent: [BOOLEAN, [true, false].include?(queue[:independent])],
            transactional: [BOOLEAN, [true, false].include?(queue[:transactional])],
            dispatch_method: ["needs to be either produce_async or produce_sync",
                              %i[produce_async produce_sync].include?(queue[:dispatch_method])],
            marking_method: ["needs to be either mark_as_consumed or mark_as_consumed!",
                             %i[mark_as_consumed mark_as_consumed!].include?(queue[:marking_method])],
            mark_after_dispatch: ["needs to be true, false or nil",
                                  [true, false, nil].include?(queue[:mark_after_dispatch])]
          }
          rules.filter_map { |name, (text, right)| [[:dead_letter_queue, name], text] unless right }
        end
      end
    end
  end
end
