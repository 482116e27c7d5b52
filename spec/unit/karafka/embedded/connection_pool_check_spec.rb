# frozen_string_literal: true

require "karafka/embedded/connection_pool_check"

RSpec.describe Karafka::Embedded::ConnectionPoolCheck do
  let(:puma) { Karafka::Embedded::Hosts::Puma.host({ max_threads: 3 }) }

  def active_record(size = nil, &pool)
    sized = double(size: size)
    error = Class.new(StandardError)
    pool ||= -> { sized }
    base = Class.new
    base.define_singleton_method(:connection_pool, &pool)
    stub_const("ActiveRecord::ActiveRecordError", error)
    stub_const("ActiveRecord::Base", base)
  end

  before { setup_app { |config| config.concurrency = 5 } }

  it "names the numbers where connections are fewer than threads" do
    active_record(7)

    expect(described_class.warning(host: puma))
      .to include("7 connections for 8 threads", "5 of Karafka", "3 of the host (puma)", "Allow 8")
  end

  it "is silent where there are enough" do
    active_record(8)

    expect(described_class.warning(host: puma)).to be_nil
  end

  it "counts what Rails goes by where the host does not say how many threads it has" do
    active_record(9)
    stub_const("ENV", ENV.to_h.merge("RAILS_MAX_THREADS" => "6"))
    expect(described_class.warning(host: Karafka::Embedded::Host.new)).to include("11 threads", "6 of the host")

    stub_const("ENV", ENV.to_h.merge("RAILS_MAX_THREADS" => "many"))
    expect(described_class.warning(host: Karafka::Embedded::Host.new)).to be_nil
  end

  it "is silent where nobody uses Active Record, or nothing limits its connections" do
    expect(described_class.warning(host: puma)).to be_nil
    [nil, -1].each do |unlimited|
      active_record(unlimited)
      expect(described_class.warning(host: puma)).to be_nil
    end
  end

  it "is silent where no database is configured" do
    active_record { raise ActiveRecord::ActiveRecordError, "no pool" }

    expect(described_class.warning(host: puma)).to be_nil
  end
end
