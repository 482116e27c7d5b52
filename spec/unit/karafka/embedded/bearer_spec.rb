# frozen_string_literal: true

RSpec.describe Karafka::Embedded::Bearer do
  subject(:bearer) { described_class.new(-> { native }) }

  let(:native) do
    Class.new do
      def calls = @calls ||= []
      def set_token(*arguments) = calls << arguments
      def set_token_failure(*arguments) = calls << arguments
    end.new
  end

  it "hands a token to the client" do
    bearer.oauthbearer_set_token(token: "t", lifetime_ms: 1_000, principal_name: "orders")
    bearer.oauthbearer_set_token(token: "t", lifetime_ms: 1_000.9, principal_name: "orders", extensions: { traceId: 1 })

    expect(native.calls).to eq([["t", 1_000, "orders", "{}"], ["t", 1_000, "orders", '{"traceId":"1"}']])
  end

  it "tells the client that there is none" do
    bearer.oauthbearer_set_token_failure("expired")

    expect(native.calls).to eq([["expired"]])
  end
end
