# frozen_string_literal: true

RSpec.describe Karafka::Embedded::CrashPolicy do
  describe Karafka::Embedded::CrashPolicy::Budget do
    subject(:budget) { described_class.new(settings) }

    let(:settings) do
      Struct.new(:crash_restarts, :crash_backoff, :crash_backoff_limit).new(8, 1_000, 60_000)
    end

    it "doubles the wait up to its limit, and is used up some time" do
      waits = Array.new(9) { |n| budget.take(n * 60_000) }
      expect(waits).to eq([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, nil])
    end

    it "forgets what lies more than ten minutes back" do
      8.times { budget.take(0) }
      expect(budget.take(600_000)).to be_nil
      expect(budget.take(600_001)).to eq(1_000)
    end

    it "takes back what was not needed" do
      2.times { budget.take(0) }
      budget.give_back
      expect(budget.take(0)).to eq(2_000)
    end
  end

  describe Karafka::Embedded::Crash do
    {
      -169 => :authentication, 58 => :authentication, -181 => :authentication, 29 => :authorization,
      30 => :authorization, 31 => :authorization, 23 => :incompatible_strategy, 82 => :fenced, -150 => :client,
      33 => :authentication, 34 => :authentication, 112 => :incompatible_strategy, 35 => :incompatible_strategy,
      111 => :fenced, -140 => :client, 24 => :client, 26 => :client
    }.each do |code, cause|
      it "says that librdkafka's #{code} is #{cause}" do
        expect(described_class.new(Rdkafka::RdkafkaError.new(code)).cause).to eq(cause)
      end
    end

    it "is told in one line" do
      crash = described_class.new(Rdkafka::RdkafkaError.new(29, broker_message: "orders"), group: "shop")
      expect(crash.to_s).to eq("authorization: #{crash.message.lines.first.chomp}; orders")
      expect(crash.to_h).to include(cause: :authorization, group: "shop", error: "Rdkafka::RdkafkaError")
    end
  end
end
