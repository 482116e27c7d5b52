# frozen_string_literal: true

require "securerandom"

module Karafka
  module Instrumentation
    module Vendors
      # What AppSignal is told
      module Appsignal
        # The calls of the `appsignal` gem, of version 3 and 4. It is looked up when something is to be told: it may be
        # loaded later than this.
        class Client
          # @param namespace_name [String, nil] namespace of transactions; nil: the one for background jobs
          def initialize(namespace_name: nil)
            @namespace_name = namespace_name
          end

          # Adds to a counter
          # @param name [String]
          # @param value [Numeric]
          # @param tags [Hash]
          def count(name, value, tags)
            ::Appsignal.increment_counter(name, value, stringify(tags))
          end

          # Sets a gauge
          # @see #count
          def gauge(name, value, tags)
            ::Appsignal.set_gauge(name, value, stringify(tags))
          end

          # Adds to a distribution
          # @see #count
          def distribution(name, value, tags)
            ::Appsignal.add_distribution_value(name, value, stringify(tags))
          end

          # Begins a transaction of this thread
          # @param action_name [String] `OrdersConsumer#consume`
          def start_transaction(action_name)
            transaction = create_transaction
            transaction.set_action_if_nil(action_name)
          end

          # Ends the transaction of this thread
          def stop_transaction
            ::Appsignal::Transaction.complete_current! if transaction?
          end

          # @param values [Hash] what to keep with the transaction of this thread
          def metadata=(values)
            return unless transaction?

            stringify(values).each { |name, value| ::Appsignal::Transaction.current.set_metadata(name, value) }
          end

          # Tells of an error, with the transaction of this thread where there is one
          # @param error [Exception]
          def report_error(error)
            if ::Appsignal.respond_to?(:report_error)
              ::Appsignal.report_error(error)
            elsif transaction?
              ::Appsignal.set_error(error)
            else
              ::Appsignal.send_error(error)
            end
          end

          # Has something called each minute
          # @param name [Symbol]
          # @param probe [#call]
          def register_probe(name, probe)
            if defined?(::Appsignal::Probes)
              ::Appsignal::Probes.register(name, probe)
            else
              ::Appsignal::Minutely.probes.register(name, probe)
            end
          end

          private

          def transaction?
            ::Appsignal::Transaction.current?
          end

          # Version 3 wants an id and a request as well
          def create_transaction
            transactions = ::Appsignal::Transaction
            namespace = @namespace_name || transactions::BACKGROUND_JOB
            return transactions.create(namespace) if transactions.method(:create).arity.abs == 1

            transactions.create(SecureRandom.uuid, namespace, transactions::GenericRequest.new({}))
          end

          def stringify(tags)
            tags.to_h { |name, value| [name.to_s, value.is_a?(Symbol) ? value.to_s : value] }
          end
        end
      end
    end
  end
end
