# frozen_string_literal: true

require "karafka/embedded/rails_listener"

# The rows of docs/errors.md that a broker's security makes, where one has it. spec/engine/errors_spec.rb has all rows.
RSpec.describe "docs/errors.md" do
  include SecureKafka
  include ErrorRows

  before(:context) { @kafka = KafkaServer::Own.start("--secure") }
  after(:context) { @kafka.finish }

  let(:kafka) { @kafka }
  let(:topic) { KafkaServer.create_topic("orders", servers: kafka.bootstrap) }
  let(:group) { unique("group") }
  let(:settings) { { group_id: group } }
  let(:servers) { kafka_settings.fetch(:"bootstrap.servers") }
  let(:kafka_settings) { client_settings("scram-sha-256") }

  def bring_trouble = embedded.start

  row "authentication", "librdkafka.error", /`sasl\.username` and `sasl\.password`/ do
    def bring_trouble
      allow_access(:read, topic: topic)
      allow_access(:read, group: group)
      kafka.cluster.change_password("alice", "another")
      super
    end

    def mend = kafka.cluster.change_password("alice", DevKafka::Security::PASSWORDS["alice"])
    after { mend }
  end

  row "authorization", "connection.client.poll.error", /lacks READ on the topic/, way: "topic" do
    before { allow_access(:read, group: group) }

    def mend = allow_access(:read, topic: topic)
  end

  row "authorization", "connection.client.poll.error", /lacks READ on the group/, way: "group" do
    before { allow_access(:read, topic: topic) }

    def mend = allow_access(:read, group: group)
  end
end
